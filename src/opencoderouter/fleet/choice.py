"""What carries commands to a host: Fabric wherever it can, else OpenSSH, and why.

What only shows when somebody connects (no algorithm in common, a key that paramiko cannot read)
is not decided here: ``fleet.transport`` is ``Unable`` then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved, Via
from opencoderouter.core.fleet.preferences import Ssh, Transport
from opencoderouter.fleet.keyfile import identities, strings
from opencoderouter.fleet.known_hosts import Known


class Handling(Enum):
    """Who sees to an option of ssh."""

    RESOLVED = auto()  # `ssh -G` itself: what it prints already has it
    FABRIC = auto()  # fleet.transport does it
    KEYS = auto()  # fleet.known_hosts: it says when only OpenSSH can judge a host key
    OPENSSH = auto()  # here: some values send a host to OpenSSH
    NOTHING = auto()  # no matter for commands without a terminal that forward nothing by themselves


_RESOLVED = """
    canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots
    canonicalizepermittedcnames host ignoreunknown tag versionaddendum
"""
_FABRIC = """
    addressfamily certificatefile ciphers compression connectionattempts connecttimeout
    hostkeyalgorithms hostname identitiesonly identityfile kexalgorithms macs port proxycommand
    proxyjump pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication
    serveralivecountmax serveraliveinterval user
"""
_KEYS = """
    casignaturealgorithms checkhostip globalknownhostsfile hostkeyalias knownhostscommand
    nohostauthenticationforlocalhost revokedhostkeys userknownhostsfile verifyhostkeydns
"""
_OPENSSH = """
    bindaddress bindinterface gssapiauthentication gssapikeyexchange hostbasedauthentication
    identityagent pkcs11provider preferredauthentications proxyusefdpass refuseconnection
    requiredrsasize stricthostkeychecking usekeychain
"""
# Passwords and other answers of a person: nobody is there (BatchMode). The agent is never lent.
# Terminals, forwardings, X11, connections that ssh shares: ours are made another way.
_NOTHING = """
    addkeystoagent batchmode challengeresponseauthentication channeltimeout clearallforwardings
    controlmaster controlpath controlpersist dynamicforward enableescapecommandline
    enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication
    forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports gssapiclientidentity
    gssapidelegatecredentials gssapikexalgorithms gssapirenewalforcesrekey gssapiserveridentity
    gssapitrustdns hashknownhosts hostbasedacceptedalgorithms hostbasedkeytypes ipqos
    kbdinteractiveauthentication kbdinteractivedevices localcommand localforward loglevel
    logverbose numberofpasswordprompts obscurekeystroketiming passwordauthentication
    permitlocalcommand permitremoteopen rekeylimit remotecommand remoteforward requesttty
    securitykeyprovider sendenv sessiontype setenv stdinnull streamlocalbindmask
    streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys
    visualhostkey warnweakcrypto xauthlocation
"""
HANDLING: Mapping[str, Handling] = {
    keyword: handling
    for words, handling in (
        (_RESOLVED, Handling.RESOLVED),
        (_FABRIC, Handling.FABRIC),
        (_KEYS, Handling.KEYS),
        (_OPENSSH, Handling.OPENSSH),
        (_NOTHING, Handling.NOTHING),
    )
    for keyword in words.split()
}

# Options that send a host to OpenSSH unless they have one of these values.
_PLAIN = (
    ("BindAddress", {"none"}),
    ("BindInterface", {"none"}),
    ("HostbasedAuthentication", {"no"}),
    ("PKCS11Provider", {"none"}),
    ("ProxyUseFdpass", {"no"}),
    ("RefuseConnection", {"none"}),
    ("RequiredRSASize", {"1024"}),
    ("UseKeychain", {"no"}),
)
_HOST_KEYS = frozenset(  # types of host keys that paramiko knows
    (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
    )
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What carries commands. ``reason`` says why that is not Fabric, nothing where it is.

    ``refused`` says why nothing may: then nobody connects.
    """

    via: Via
    reason: str = ""
    refused: str = ""


def choose(resolved: Resolved, ssh: Ssh, known: Known) -> Choice:
    """Return what carries commands to a host. Reads the start of its identity files.

    A chain of jump hosts is as able as its least able hop: ask for each, and let OpenSSH do all of
    it if one needs that. Where Fabric is forced, a host key that it cannot judge is refused.
    """
    if ssh.transport is Transport.OPENSSH:
        return Choice(Via.OPENSSH, "ssh.transport is openssh")
    if ssh.transport is Transport.FABRIC:
        refused = f"{known.needs_ssh}, so only OpenSSH can judge its key; ssh.transport is fabric"
        return Choice(Via.FABRIC, refused=refused if known.needs_ssh else "")
    reason = next(_reasons(resolved, known), "")
    return Choice(Via.OPENSSH, reason) if reason else Choice(Via.FABRIC)


def _reasons(resolved: Resolved, known: Known) -> Iterator[str]:
    """Yield each reason why Fabric will not do."""
    if known.needs_ssh:
        yield known.needs_ssh
    for option, plain in _PLAIN:
        if (value := resolved.first(option.lower())) and value not in plain:
            yield f"its configuration has {option} {value}"
    if _is_kerberos(resolved):
        yield "it takes Kerberos (GSSAPIAuthentication), and there are credentials"
    if "publickey" not in resolved.first("preferredauthentications", "publickey").split(","):
        yield "its PreferredAuthentications have no publickey"
    agent = resolved.first("identityagent")
    if "%" in agent or "${" in agent:
        yield "the path of its IdentityAgent has tokens"
    yield from _key_reasons(resolved, known)


def _key_reasons(resolved: Resolved, known: Known) -> Iterator[str]:
    checking = resolved.first("stricthostkeychecking")
    if checking in {"no", "off", "false", "accept-new"} and not known.keys + known.portless:
        yield "its key is not known, and StrictHostKeyChecking lets OpenSSH accept it"
    if known.types and _HOST_KEYS.isdisjoint(known.types):
        yield f"its key is of the type {known.types[0]}"
    kinds = [next(strings(one.public), b"") for one in identities(resolved)]
    if kinds and all(kind.startswith(b"sk-") for kind in kinds):
        yield "its key is on a FIDO token"


def _is_kerberos(resolved: Resolved) -> bool:
    """Tell whether a login by Kerberos is wanted and can be: Debian's default wants it always."""
    keywords = ("gssapiauthentication", "gssapikeyexchange")
    if all(resolved.first(one, "no") == "no" for one in keywords):
        return False
    kind, _, rest = os.environ.get("KRB5CCNAME", "").rpartition(":")
    if kind not in {"", "FILE"}:  # DIR, KEYRING, KCM: somebody has set them for a reason
        return True
    default = f"/tmp/krb5cc_{os.getuid()}"  # noqa: S108 - krb5.conf(5), default_ccache_name
    return Path(rest or default).exists()
