"""The fallback DNS server: the announced names, for clients that mDNS does not reach.

    Announcement --> zone.Zone ----------------+
    packet --> server --> desk: may this client ask, was this asked before (limits, cache)?
                            `--> answer.decide(packet, zone): one of
                                   Answer, Refuse    to the client, at once
                                   Bridge            the question goes to mDNS (an argument of Dns)
                                   Forward           it goes to another DNS server (forward)
                                   Drop              nobody gets anything

``records``, ``query``, ``zone``, ``answer``, ``cache`` and ``limits`` do no I/O and know no clock.
``codec`` alone knows dnslib, which encodes; what strangers send is read by ``query``. RFC 1034 and
1035 unless another one is named.
"""
