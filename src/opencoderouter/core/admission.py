"""Who is let in: what a request shows, against the keyring and what the kernel told of its sender.

Decisions only. Whoever is not let in learns nothing but that a router is here.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field

from opencoderouter.core import cookies, query
from opencoderouter.core import headers as fields
from opencoderouter.core.basic import read_basic
from opencoderouter.core.grant import EVERYBODY, PEER, Caller, Grant
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import is_near, parse_authority
from opencoderouter.core.keyring import Keyring, digest

_MOST = 4  # cookies and tokens of one name that are looked at: it costs, and anybody can send them
_AROUND = " \r\n,"  # what hands and shells leave around a secret
USER = "opencode"  # as OpenCode's own clients send it
# Somebody else's proxy or tunnel stands in front: its clients are not this user.
_FORWARDED = frozenset({"forwarded", "via", "x-real-ip"})
_FORWARDED_BY = "x-forwarded"
_STANDARD = bytes.maketrans(b"-_", b"+/")  # base64 in URLs, and as Basic has it


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is let in.

    ``spent``: its Authorization field is the router's, and ``token_spent``: so is its
    ``auth_token``; backends must not see these. ``failed``: it showed a secret that is none.
    ``tried`` is the digest of that. ``held``: it showed one that is not looked at for so many
    seconds: too many were none.
    """

    grant: Grant | None = None
    spent: bool = False
    token_spent: bool = False
    failed: bool = False
    tried: bytes = field(default=b"", compare=False, repr=False)
    held: float = 0.0


def admit(
    target: str,
    headers: Headers,
    caller: Caller,
    keyring: Keyring,
    now: float,
    *,
    held: float = 0.0,
) -> Admission:
    """Return whether a request may come in; ``now`` is in POSIX seconds.

    A secret that is shown counts for what it lets its holder do, even where that is less than what
    the caller could do without. ``held``: passwords of this caller are not looked at for so many
    seconds.
    """
    said = fields.get(headers, "authorization")
    secret = _secret(said) if said is not None else None
    shown = keyring.judge(secret, now) if secret is not None else None
    spent = shown is not None or (
        said is not None
        and any(_has_ours(one, keyring, now) for one in (said, said.partition(" ")[2]))
    )
    tokens = query.values(target, query.AUTH_TOKEN)
    token_spent = len(tokens) > _MOST or any(_has_ours(one, keyring, now) for one in tokens)
    if keyring.auth == "off":
        return Admission(EVERYBODY, spent, token_spent)
    if shown is not None and not (held and shown.via == "password"):
        return Admission(shown, spent, token_spent)
    other = _session(headers, caller, keyring, now) or _peer(headers, caller, keyring)
    tried = digest(secret) if secret is not None else b""
    if other is not None and other.whole:
        return Admission(other, spent, token_spent)
    if other is not None:  # who may do less has no credentials passed on, and no guess for nothing
        wrong = bool(tried) and shown is None and not held
        return Admission(other, spent=True, token_spent=True, failed=wrong, tried=tried)
    return Admission(failed=bool(tried) and not held, tried=tried, held=held if tried else 0.0)


def _secret(shown: str) -> str | None:
    """Return the secret that is shown: by ``Bearer``, or ``Basic`` as OpenCode's clients do."""
    scheme, _, rest = shown.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    said = read_basic(shown)
    return said[1] if said is not None and said[0] == USER else None


def _has_ours(shown: str, keyring: Keyring, now: float) -> bool:
    """Tell whether one of our secrets stands in credentials, be they in order or not.

    Nobody is let in by these; but OpenCode takes base64 with line breaks, and any user's.
    """
    shown = shown.strip(_AROUND)
    text = shown.partition("#")[0].strip().replace(" ", "+")  # as it is in a query
    try:
        raw = b64decode(text.encode("ascii", "ignore").translate(_STANDARD) + b"==")
    except ValueError:
        raw = b""
    password = raw.decode("utf-8", "replace").partition(":")[2].strip(_AROUND)
    return any(keyring.judge(one, now) is not None for one in (shown, password))


def _session(headers: Headers, caller: Caller, keyring: Keyring, now: float) -> Grant | None:
    authority = parse_authority(fields.get(headers, "host") or "")
    if authority is None:
        return None
    for value in cookies.values(headers, keyring.cookie)[:_MOST]:
        grant = keyring.unseal(value, caller.origin, authority.host, now)
        if grant is not None:
            return grant
    return None


def _peer(headers: Headers, caller: Caller, keyring: Keyring) -> Grant | None:
    """Let our own user on this machine in, unless somebody else may stand behind the request."""
    if not caller.free or keyring.auth != "auto":
        return None
    found = fields.by_name(headers)
    if any(name in _FORWARDED or name.startswith(_FORWARDED_BY) for name in found):
        return None
    return None if _is_unsure_page(headers) else PEER


def _is_unsure_page(headers: Headers) -> bool:
    """Tell whether a browser does not say which page asks.

    To names that it does not hold for this machine (``.local``, by HTTP) it sends no Fetch
    Metadata: with a name that leads here a foreign page could ask in our user's name.
    """
    if not fields.is_browser(headers) or fields.get(headers, "sec-fetch-site") is not None:
        return False
    authority = parse_authority(fields.get(headers, "host") or "")
    return authority is None or not is_near(authority.host)
