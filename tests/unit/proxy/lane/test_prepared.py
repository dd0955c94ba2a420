"""Request heads made ready: for a backend, for the application, or answered at once."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import OPEN, backend

from opencoderouter.core.basic import basic
from opencoderouter.core.grant import EVERYBODY, Caller, Identified, from_json, to_json
from opencoderouter.core.grant import PEER as FREE
from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Keyring, digest
from opencoderouter.core.model import Status
from opencoderouter.core.plan import Forward, Local
from opencoderouter.core.table import Table
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.pool import LOCAL
from opencoderouter.proxy.lane.prepared import Prepared, Refused, View, prepare
from opencoderouter.registry import Registry

NAMES = Names("alice", frozenset({"box"}))
PEER = "192.0.2.7"
ALPHA = "Host: alpha.localhost"
OURS = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: {}\r\nX-Forwarded-Proto: http\r\n"
HTML = "Accept: text/html"


def table(*ports: int, status: Status = Status.READY) -> Table:
    """Return a table with a project, ``alpha``, on these ports."""
    registry = Registry()
    for port in ports:
        registry.observe(backend("/home/alice/alpha", port, status))
    return registry.table


def made(start: str, *fields: str, ports: tuple[int, ...] = (4001,)) -> Prepared | Refused:
    """Return what is made of a request head."""
    raw = "\r\n".join([start, *fields, "", ""]).encode("latin-1")
    return prepare(raw, Caller(PEER), View(table(*ports), NAMES, Limits(), OPEN), 0.0)


def ready(start: str, *fields: str, ports: tuple[int, ...] = (4001,)) -> Prepared:
    """Return a request that goes on."""
    result = made(start, *fields, ports=ports)
    assert isinstance(result, Prepared)
    return result


def refused(start: str, *fields: str) -> Refused:
    """Return a request that does not go on."""
    result = made(start, *fields)
    assert isinstance(result, Refused)
    return result


def test_to_a_backend() -> None:
    """A backend gets the head that the plan says, and its connections have its name."""
    found = ready("GET /x?y HTTP/1.1", ALPHA, "Connection: keep-alive", "A: b")
    assert isinstance(found.plan, Forward)
    head = f"GET /x?y HTTP/1.1\r\n{ALPHA}\r\nA: b\r\n{OURS.format('alpha.localhost')}\r\n"
    assert found.head.decode() == head
    assert found.key == backend("/home/alice/alpha", 4001).listener.key


def test_in_path_mode() -> None:
    """The prefix is cut off, and told."""
    found = ready("GET /alpha/x HTTP/1.1", "Host: box")
    ours = OURS.format("box") + "X-Forwarded-Prefix: /alpha\r\n"
    assert found.head.decode() == f"GET /x HTTP/1.1\r\nHost: box\r\n{ours}\r\n"


def test_to_the_application() -> None:
    """Our own application gets the target as it came, and believes nothing but us."""
    fields = ("X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "Connection: close")
    found = ready("GET /api/health?x HTTP/1.1", "Host: localhost", *fields)
    assert isinstance(found.plan, Local)
    who = f"X-Forwarded-User: {to_json(Identified(PEER, EVERYBODY))}\r\n"
    ours = OURS.format("localhost") + who
    assert found.head.decode() == f"GET /api/health?x HTTP/1.1\r\nHost: localhost\r\n{ours}\r\n"
    assert (found.key, found.fixed, found.request.keep) == (LOCAL, True, False)


@pytest.mark.parametrize("host", ["alpha.localhost", "localhost"])
def test_bodies(host: str) -> None:
    """A body goes on framed as it came: by its length, or in chunks."""
    plain = ready("POST /api/x HTTP/1.1", f"Host: {host}")
    assert plain.upload().done
    counted = ready("POST /api/x HTTP/1.1", f"Host: {host}", "Content-Length: 2")
    assert b"\r\nContent-Length: 2\r\n" in counted.head
    assert counted.upload().feed(b"abc") == (b"ab", b"c")
    assert counted.upload().feed(b"ab") == (b"ab", b"")  # each request has one of its own
    chunked = ready("POST /api/x HTTP/1.1", f"Host: {host}", "transfer-encoding: CHUNKED")
    assert chunked.head.lower().count(b"transfer-encoding") == 1
    assert chunked.head.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert chunked.upload().feed(b"1\r\na\r\n0\r\n\r\nb") == (b"1\r\na\r\n0\r\n\r\n", b"b")


@pytest.mark.parametrize(
    ("method", "fields", "again"),
    [
        *[("GET", [], True), ("HEAD", [], True), ("OPTIONS", [], True)],
        ("GET", ["Content-Length: 0"], True),
        *[("GET", ["Content-Length: 1"], False), ("GET", ["Transfer-Encoding: chunked"], False)],
        *[(method, [], False) for method in "POST PUT PATCH DELETE PROPFIND TRACE".split()],
    ],
)
def test_what_may_be_asked_again(method: str, fields: list[str], again: bool) -> None:  # noqa: FBT001
    """Only what does no harm twice, and has no body that is spent."""
    assert ready(f"{method} / HTTP/1.1", ALPHA, *fields).again is again


def test_a_session_has_no_fixed_place() -> None:
    """Where several backends may have the session, it is asked for each time."""
    for ports, fixed in (((4001,), True), ((4001, 4002), False)):
        assert ready("GET /session/ses_1 HTTP/1.1", ALPHA, ports=ports).fixed is fixed
        assert ready("GET /event HTTP/1.1", ALPHA, ports=ports).fixed


@pytest.mark.parametrize(
    ("target", "host", "home"),
    [
        ("/", "nope.localhost:8080", "http://localhost:8080/"),
        ("/nope/", "box:8080", "/"),
        ("/", "nope-alice.local", "http://ocr-alice.local/"),
        ("/", "nope.dev.example:81", "http://dev.example:81/"),
        ("/", "nope.bare.example", ""),
        ("/", "elsewhere.example", ""),
    ],
)
def test_the_dashboard_is_a_link_away(target: str, host: str, home: str) -> None:
    """Where there is no such project a page leads to those that there are, by a name of ours."""
    names = replace(
        NAMES,
        machine=frozenset({"box", "dev.example"}),
        domains=frozenset({"dev.example", "bare.example"}),
    )
    raw = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{HTML}\r\n\r\n".encode()
    found = prepare(raw, Caller(PEER), View(table(), names, Limits(), OPEN), 0.0)
    assert isinstance(found, Refused)
    assert re.findall('href="(.*?)"', found.answer.body.decode()) == ([home] if home else [])


def test_ear() -> None:
    """Two requests with the same ear are told the same answer in the same words."""
    ears = [
        ready(*lines).ear
        for lines in (
            ("GET / HTTP/1.1", ALPHA),
            ("HEAD / HTTP/1.1", ALPHA),
            ("GET / HTTP/1.0", ALPHA),
            ("GET /alpha/ HTTP/1.1", "Host: box"),
            ("GET /alpha/ HTTP/1.1", "Host: localhost"),
        )
    ]
    assert len(set(ears)) == len(ears)
    other = ready("POST /x HTTP/1.1", "Host: alpha-alice.local", "Content-Length: 9", "X: y").ear
    assert other == ears[0]


def test_upgrade() -> None:
    """It is known who wants to switch protocols; to HTTP/2 nobody does."""
    switch = ("Connection: Upgrade", "Upgrade: websocket")
    assert ready("GET / HTTP/1.1", ALPHA, *switch).upgrade
    assert not ready("GET / HTTP/1.1", ALPHA, "Connection: Upgrade", "Upgrade: h2c").upgrade
    assert not ready("GET / HTTP/1.1", ALPHA, "Upgrade: websocket").upgrade


@pytest.mark.parametrize(
    ("start", "fields", "status", "error", "last"),
    [
        ("nonsense", [ALPHA], 400, "bad_request", True),
        ("GET / HTTP/1.1", [], 400, "bad_request", True),
        ("GET / HTTP/1.1", [ALPHA, ALPHA], 400, "bad_request", True),
        ("POST / HTTP/1.1", [ALPHA, "Transfer-Encoding: x"], 501, "unknown_transfer_coding", True),
        ("GET / HTTP/2.0", [ALPHA], 505, "version_not_supported", True),
        (f"GET /{'a' * 40_000} HTTP/1.1", [ALPHA], 414, "target_too_long", True),
        ("GET / HTTP/1.1", ["Host: evil.org"], 421, "unknown_host", False),
        ("GET / HTTP/1.1", ["Host: evil.org", "Connection: close"], 421, "unknown_host", True),
        ("GET / HTTP/1.0", ["Host: evil.org"], 421, "unknown_host", True),
        ("POST / HTTP/1.1", ["Host: evil.org", "Content-Length: 3"], 421, "unknown_host", True),
        ("GET / HTTP/1.1", ["Host: beta.localhost"], 404, "unknown_project", False),
        ("GET /alpha HTTP/1.1", ["Host: localhost"], 308, "", False),
        ("GET /alpha/ HTTP/1.1", ["Host: localhost", HTML], 302, "", False),
        ("GET /alpha/ HTTP/1.1", ["Host: 127.0.0.1", HTML], 300, "", False),
    ],
)
def test_refused(start: str, fields: list[str], status: int, error: str, last: bool) -> None:  # noqa: FBT001
    """Each has its answer; it is the last where a body, or nonsense, would follow."""
    found = refused(start, *fields)
    assert (found.answer.status, found.error, found.last) == (status, error, last)
    if error:
        assert json.loads(found.answer.body)["error"] == error


def test_a_page_for_a_browser() -> None:
    """Who asks for something to show gets something to show."""
    found = refused("GET / HTTP/1.1", "Host: evil.org", HTML)
    assert ("Content-Type", "text/html; charset=utf-8") in found.answer.headers
    assert found.request is not None


def test_a_project_that_is_starting() -> None:
    """It is not asked yet."""
    raw = f"GET / HTTP/1.1\r\n{ALPHA}\r\n\r\n".encode()
    found = prepare(
        raw, Caller(PEER), View(table(4001, status=Status.STARTING), NAMES, Limits(), OPEN), 0.0
    )
    assert isinstance(found, Refused)
    assert (found.answer.status, found.error) == (503, "project_down")


KEYRING = Keyring("auto", digest("s3cret"), b"k" * 32)
STRANGER = Caller(PEER)
ME = Caller("127.0.0.1", 1000, free=True)
SHOWN = f"Authorization: {basic('opencode', 's3cret')}"


def admitted(
    *lines: str, caller: Caller = STRANGER, held: float = 0.0, ports: tuple[int, ...] = (4001,)
) -> Prepared | Refused:
    """Return what is made of a request head where a password is wanted."""
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1")
    view = View(table(*ports), NAMES, Limits(), KEYRING, "https")
    return prepare(raw, caller, view, 0.0, held=held)


@pytest.mark.parametrize(
    ("fields", "error", "status", "failed"),
    [
        *[
            ([], "unauthenticated", 401, False),
            (["Authorization: Bearer x"], "unauthenticated", 401, True),
        ],
        (
            [f"Authorization: Bearer {'s3cret'}", "Authorization: Basic x"],
            "bad_request",
            400,
            False,
        ),
    ],
)
def test_who_is_not_let_in(fields: list[str], error: str, status: int, failed: bool) -> None:  # noqa: FBT001
    """They hear so, whatever they ask for; and it is known whether they tried."""
    for lines in (("GET /x HTTP/1.1", ALPHA), ("GET /alpha/x HTTP/1.1", "Host: box")):
        found = admitted(*lines, *fields)
        assert isinstance(found, Refused)
        assert (found.error, found.answer.status) == (error, status)
        assert found.admission.failed is failed


def test_who_is_held() -> None:
    """The right password is not looked at; what is refused has no body behind it to wait for."""
    found = admitted("GET / HTTP/1.1", ALPHA, SHOWN, held=3.0)
    assert isinstance(found, Refused)
    assert (found.answer.status, found.error, found.admission.held) == (
        429,
        "too_many_failures",
        3.0,
    )
    assert ("Retry-After", "3") in found.answer.headers
    posted = admitted("POST / HTTP/1.1", ALPHA, SHOWN, "Content-Length: 1", held=3.0)
    assert isinstance(posted, Refused)
    assert posted.last


def test_because_of_what() -> None:
    """It is known what let a request in; the password itself goes no further."""
    shown, free = (
        admitted("GET /x HTTP/1.1", ALPHA, SHOWN),
        admitted("GET / HTTP/1.1", ALPHA, caller=ME),
    )
    assert isinstance(shown, Prepared)
    assert isinstance(free, Prepared)
    assert (shown.grant, free.grant) == (KEYRING.judge("s3cret", 0.0), FREE)
    assert b"uthorization" not in shown.head
    assert b"X-Forwarded-Proto: https" in shown.head


def test_who_it_is() -> None:
    """Our own application hears it from us alone, whatever a client says of itself."""
    claims = ("X-Forwarded-User: {}", "x-forwarded-user: x", "Connection: X-Forwarded-User")
    for caller, fields, grant in (
        (Caller(PEER), (), None),
        (ME, (), None),  # who speaks for others is not free
        (Caller("127.0.0.1", 7), (SHOWN,), KEYRING.judge("s3cret", 0.0)),
    ):
        found = admitted("GET /.ocr/login HTTP/1.1", ALPHA, *claims, *fields, caller=caller)
        assert isinstance(found, Prepared)
        told = [
            line for line in found.head.decode().split("\r\n") if "forwarded-user" in line.lower()
        ]
        assert [from_json(line.partition(": ")[2]) for line in told] == [
            Identified(caller.origin, grant)
        ]


def test_each_backend_has_its_own_password() -> None:
    """Where it is not known yet which is asked, the head is made for each of them."""
    found = admitted("GET /session/ses_1 HTTP/1.1", ALPHA, caller=ME, ports=(4001, 4002))
    assert isinstance(found, Prepared)
    assert isinstance(found.plan, Forward)
    assert found.head_for(None) == found.head
    fixed = admitted("GET / HTTP/1.1", ALPHA, caller=ME)
    assert isinstance(fixed, Prepared)
    for one in found.plan.project.backends:
        own = basic("opencode", str(one.listener.port))
        locked = replace(one, listener=replace(one.listener, authorization=own))
        assert f"\r\nAuthorization: {own}\r\n".encode() in found.head_for(locked)
        assert fixed.head_for(locked) == fixed.head


PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(b"GET ", b"POST ", b"/", b"/alpha/", b"http://a/", b" HTTP/1.1\r\n", b"\r\n", b": "),
            *(b"Host: alpha.localhost\r\n", b"Host: localhost\r\n", b"Host: [::1]:80\r\n", b"%"),
            *(b"Content-Length: 3\r\n", b"Accept: text/html\r\n", b"Connection: upgrade\r\n"),
            *(b"Authorization: Bearer s3cret\r\n", b"Authorization: Basic ", b"Cookie: a=b\r\n"),
            *(b"Upgrade: x\r\n", b"Origin: null\r\n", b"\xff", b"/session/ses_1", b"?", b"Host: "),
        ]
    ),
)


@given(st.lists(PIECES, max_size=15).map(b"".join))
def test_any_bytes(data: bytes) -> None:
    """Whatever comes up to an empty line is sent on, or answered; nothing is raised."""
    raw = (data + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    stranger = prepare(raw, Caller(PEER), View(TABLE, NAMES, Limits(), KEYRING), 0.0)
    assert isinstance(stranger, Refused) or stranger.grant or isinstance(stranger.plan, Local)
    found = prepare(raw, Caller(PEER), View(TABLE, NAMES, Limits(), OPEN), 0.0)
    if isinstance(found, Prepared):
        assert found.head.endswith(b"\r\n\r\n")
        assert found.head.count(b"\r\n\r\n") == 1
    else:
        assert 300 <= found.answer.status < 600


TABLE = table(4001, 4002)
