"""Names on the network: told by mDNS, and by DNS where mDNS does not reach.

The only package that knows zeroconf and dnslib.
"""
