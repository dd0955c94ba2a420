"""Follows one address through all hops, to the first one that fails.

Decisions only: a ``Wire`` does what has to do with the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opencoderouter.core.hosts import is_literal, is_near
from opencoderouter.doctor.hop import Connected, Hop, NotConnected, Said, Secured, Silent, Wire
from opencoderouter.doctor.lookup import Looked, Question
from opencoderouter.doctor.target import Here, Target, bracketed

_HEALTH, _LIST, _LOGIN = "/api/health", "/api/backends", "/.ocr/login"
_PROBE = "/global/health"  # any answer but the router's own will do
_OWN = frozenset({"", "api", ".ocr"})  # first path segments of the router itself
_ALLOW = "Start the router with `--allow-host {}`."
_TRUST = "; where your own router has made its certificate, with `--tls-cert FILE`"
_SLOW = 1.0  # seconds after which a person wonders
_LOOPBACK = ("127.0.0.1", "::1")
Rows = tuple[Mapping[str, Any], ...]
_REFUSED, _HELD, _MISDIRECTED, _UNAUTHENTICATED = 403, 429, 421, 401


@dataclass(frozen=True, slots=True)
class _Way:
    """How a router is asked about itself: at ``address``, by the name ``host``; ``show`` a secret.

    ``rows`` are its projects, as far as it tells.
    """

    address: str
    host: str
    show: bool = False
    rows: Rows = ()


def trace(target: Target, wire: Wire, here: Here) -> Iterator[Hop]:
    """Yield the hops in their order; the last one is the first that failed, if one did."""
    looked = _looked(target, wire)
    yield (hop := _name(target, looked))
    if not hop.ok:
        return
    connected = wire.connect(looked.addresses, target.port)
    yield (hop := _connection(target, connected, here))
    if isinstance(connected, Connected):
        yield from _router(target, wire, connected.address)


def _looked(target: Target, wire: Wire) -> Looked:
    """Look the name up; names below ``localhost`` every browser knows without a resolver."""
    question = Question(target.host)
    if is_literal(target.host):
        return Looked(question, (target.host,))
    found = wire.look_up(target.host)
    if not found.addresses and is_near(target.host):
        return replace(found, addresses=_LOOPBACK)
    return found


def _name(target: Target, looked: Looked) -> Hop:
    if is_literal(target.host):
        return Hop("name", "an address: nothing to look up")
    if not looked.addresses:
        why = f"this machine's resolver does not know {target.host}: {looked.reason}"
        return Hop("name", "no address", why, _where_known(target.host), looked.seconds)
    seen = f"{target.host} is {', '.join(looked.addresses)}"
    if looked.reason:
        seen += " (the resolver does not know it; browsers and curl do by themselves)"
    elif looked.seconds > _SLOW:
        seen += " (slow: `ocr-router doctor --only resolver` says why)"
    return Hop("name", seen, seconds=looked.seconds)


def _where_known(host: str) -> str:
    if host.endswith(".local"):
        return (
            "`ocr-router doctor --only resolver --only multicast --only mdns-stack` looks at mDNS "
            "on this machine; without mDNS: `ocr-router dns setup`"
        )
    return "check the spelling, or add the name to the DNS or to /etc/hosts"


def _connection(target: Target, tried: Connected | list[NotConnected], here: Here) -> Hop:
    if isinstance(tried, Connected):
        failed = "".join(f"; not {one.address}: {one.reason}" for one in tried.failed)
        seen = f"{bracketed(tried.address)}:{target.port} takes connections{failed}"
        return Hop("connection", seen, seconds=tried.seconds)
    why = "; ".join(f"{bracketed(x.address)}:{target.port}: {x.reason}" for x in tried)
    return Hop("connection", "not connected", why, _way_in(target, tried, here))


def _way_in(target: Target, tried: Sequence[NotConnected], here: Here) -> str:
    """Return what helps against the connection that was not made."""
    if target.implied and target.port != here.port:
        return (
            f"the address names no port, so it means {target.port}; the router's is {here.port}: "
            f"{target.scheme}://{bracketed(target.host)}:{here.port}{target.path}"
        )
    kinds = {one.kind for one in tried}
    if "refused" in kinds and all(is_near(one.address) for one in tried):
        return f"`ocr-router serve --port {target.port}` starts a router there"
    if "refused" in kinds:
        return (
            "on that machine: is the router running, on this port (`--port`), and for the network "
            "(`--hostname 0.0.0.0`)?"
        )
    if "timeout" in kinds:
        return (
            "a firewall drops the packets, or the machine is off: on that machine "
            f"`ocr-router doctor --only firewall`; its TCP port {target.port} must be open"
        )
    return "this machine has no way to that network: see `ip route`"


def _router(target: Target, wire: Wire, address: str) -> Iterator[Hop]:
    """Follow on from a connection: TLS, then whether it is a router."""
    if target.scheme == "https":
        yield (hop := _tls(target, wire.secure(address, target)))
        if not hop.ok:
            return
    said: Said | Silent | None = None
    # By its address: that is one of every router's names. A proxy in front may want another.
    literal = replace(target, host=address.partition("%")[0]).authority
    for host in dict.fromkeys((literal, target.authority)):
        said = wire.ask(address, target, _HEALTH, host=host)
        if isinstance(said, Said) and _is_router(said):
            yield Hop("router", "a router answers", seconds=said.seconds)
            yield from _inside(target, wire, _Way(address, host))
            return
    yield _no_router(target, said)


def _tls(target: Target, said: Secured | Silent) -> Hop:
    if isinstance(said, Secured):
        doubt = f"; it is this router's own certificate, but: {said.doubt}" if said.doubt else ""
        return Hop("tls", f"{said.version}{doubt}", seconds=said.seconds)
    if said.untrusted:
        mend = (
            "trust the certificate: by `--tls-cert FILE` where it is your own router's, else by "
            "SSL_CERT_FILE=FILE, or in the browser's settings"
        )
        return Hop("tls", "not trusted", f"the certificate is not trusted: {said.reason}", mend)
    mend = f"use http://{bracketed(target.host)}:{target.port}{target.path}"
    return Hop("tls", "no TLS", f"port {target.port} does not speak TLS: {said.reason}", mend)


def _is_router(said: Said) -> bool:
    """Tell a router by its words: OpenCode tells everybody its version, a router does not."""
    if said.error == "unknown_host":
        return True
    if not isinstance(said.body, Mapping) or said.body.get("healthy") is not True:
        return False
    return said.body.keys() == {"healthy"} or {"username", "hostname"} <= said.body.keys()


def _no_router(target: Target, said: Said | Silent | None) -> Hop:
    if not isinstance(said, Said):
        why = f"it takes the connection, but does not answer: {said.reason if said else ''}"
        return Hop("router", "no answer", why, "see what listens there: `ss -ltnp`")
    if "HTTPS" in said.words[1]:
        mend = f"use https://{bracketed(target.host)}:{target.port}{target.path}{_TRUST}"
        return Hop("router", "no HTTP", said.words[1], mend)
    server = f", Server: {said.server}" if said.server else ""
    why = f"what answers at port {target.port} is not a router (status {said.status}{server})"
    mend = "use the port of the router (`ocr-router config` shows it), or end what listens there"
    return Hop("router", "something else answers", why, mend)


def _inside(target: Target, wire: Wire, way: _Way) -> Iterator[Hop]:
    """Follow on from a router: Host check, access, routing, backend."""
    yield (hop := _host(target, wire.ask(way.address, target, _LOGIN, host=target.authority)))
    if not hop.ok:
        return
    way, hop = _let_in(target, wire, way)
    yield hop
    if hop.ok:
        yield from _project(target, wire, way)


def _host(target: Target, said: Said | Silent | None) -> Hop:
    if not isinstance(said, Said):
        return _lost("host", said)
    if said.status == _MISDIRECTED:
        _, detail, hint = said.words
        mend = hint if is_literal(target.host) else f"{_ALLOW.format(target.host)} {hint}"
        return Hop("host", "refused (421)", detail or "the router does not go by this name", mend)
    return Hop("host", f"the router goes by {target.host}")


def _let_in(target: Target, wire: Wire, way: _Way) -> tuple[_Way, Hop]:
    """Ask for the list of projects: as nobody in particular, then with what the user has."""
    said = wire.ask(way.address, target, _LIST, host=way.host)
    shown = None
    if isinstance(said, Said) and said.status == _UNAUTHENTICATED:
        shown = wire.ask(way.address, target, _LIST, host=way.host, show=True)
    last = said if shown is None else shown
    if not isinstance(last, Said):
        return way, _lost("access", last)
    shows = shown is not None
    return replace(way, show=shows, rows=_rows(last) or ()), _access(last, shown=shows)


def _access(said: Said, *, shown: bool) -> Hop:
    _, detail, hint = said.words
    refused = f"refused ({said.status})"
    if said.status == _HELD:
        return Hop("access", refused, detail, hint)
    if said.status == _UNAUTHENTICATED:
        what = "does not take the password or token of this user" if shown else "asks who you are"
        mend = f"{hint} In a browser: log in. For programs: OCR_TOKEN, `ocr-router token create`"
        return Hop("access", refused, f"the router {what}: {detail}", mend)
    if said.status == _REFUSED:
        return Hop("access", "let in by a token that does not lead everywhere")
    asks = "the router asks who you are, and takes your password or token"
    return Hop("access", asks if shown else "let in without being asked who you are")


def _rows(said: Said | Silent | None) -> Rows | None:
    """Return the list of projects, None when the answer is something else."""
    if not isinstance(said, Said) or not isinstance(said.body, list):
        return None
    rows = [row for row in said.body if isinstance(row, Mapping) and "path_prefix" in row]
    return tuple(rows) if len(rows) == len(said.body) else None


def _project(target: Target, wire: Wire, way: _Way) -> Iterator[Hop]:
    """Follow on to a project: the list of projects is answered under names of the router only."""
    said = wire.ask(way.address, target, _LIST, host=target.authority, show=way.show)
    own = _rows(said) is not None or (isinstance(said, Said) and said.error == "forbidden")
    slug, prefix = _by_path(target) if own else (_by_host(target, way.rows), "")
    if not slug:
        yield Hop("routing", "the router itself: its dashboard and API")
        return
    path = f"{prefix}{_PROBE}"
    said = wire.ask(way.address, target, path, host=target.authority, show=way.show)
    yield (hop := _routing(slug, said, way.rows))
    if hop.ok:
        yield _backend(slug, said, way.rows)


def _by_path(target: Target) -> tuple[str, str]:
    first = target.path[1:].partition("/")[0]
    return ("", "") if first in _OWN else (first, f"/{first}")


def _by_host(target: Target, rows: Rows) -> str:
    label = target.host.partition(".")[0]
    for row in rows:
        domain = str(row.get("domain")).partition(".")[0]
        if label in {row.get("slug"), domain}:
            return str(row.get("slug"))
    return label


def _routing(slug: str, said: Said | Silent | None, rows: Rows) -> Hop:
    error, detail, hint = said.words if isinstance(said, Said) else ("", "", "")
    if error in {"unknown_project", "forbidden"}:
        known = ", ".join(str(one.get("slug")) for one in rows)
        mend = f"{hint} It has: {known}" if known else hint
        return Hop("routing", f"no project {slug}", detail, mend)
    where = _row(slug, rows).get("project_path")
    return Hop("routing", f"project {slug}, {where}" if where else f"project {slug}")


def _backend(slug: str, said: Said | Silent | None, rows: Rows) -> Hop:
    row = _row(slug, rows)
    if not isinstance(said, Said):
        return _mute(row, said)
    state = f"{row.get('status', 'unknown')}, status {said.status}"
    error, detail, hint = said.words
    if error:
        reason = row.get("reason") or detail
        return Hop("backend", state, detail if reason in detail else f"{detail} ({reason})", hint)
    if said.status == _UNAUTHENTICATED:
        why = "the server wants a password that the router does not know"
        mend = "start it by `ocr-router start DIRECTORY`, or give its password with `--backend`"
        return Hop("backend", state, why, mend)
    version = f"OpenCode {row['version']}" if row.get("version") else "the server"
    return Hop("backend", f"{version} answers: {state}", seconds=said.seconds)


def _mute(row: Mapping[str, Any], said: Silent | None) -> Hop:
    why = f"its server does not answer: {said.reason if said else 'the connection was lost'}"
    place = f" (pid {row['pid']}, port {row['port']})" if row.get("pid") else ""
    where = "in the dashboard" if row.get("managed") else "(`ocr-router ps` shows it)"
    mend = f"it may be busy, or hang: restart it {where}"
    return Hop("backend", f"{row.get('status', 'unknown')}{place}", why, mend)


def _row(slug: str, rows: Rows) -> Mapping[str, Any]:
    return next((row for row in rows if row.get("slug") == slug), {})


def _lost(name: str, said: Silent | None) -> Hop:
    why = f"no answer: {said.reason if said else 'the connection was lost'}"
    return Hop(name, "no answer", why, "try again; the log of the router may say more")
