"""Routing: one table of requests and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import LET_IN, backend

from opencoderouter.core import table as tables
from opencoderouter.core.headers import HOP_BY_HOP, Headers, get, is_upgrade
from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Backend, Status
from opencoderouter.core.plan import Forward, Head, Links, Local, Plan, Redirect, plan
from opencoderouter.core.refusals import Refuse
from opencoderouter.core.table import Table

NAMES = Names("alice", frozenset({"box"}))
LEASES = {
    "/home/a/myproject": "myproject",
    "/home/a/two": "two",
    "/home/a/early": "early",
    "/home/a/gone": "gone",
    "/home/a/x-alice": "x-alice",
}


def make(*backends: Backend) -> Table:
    """Return a table with everything leased and these served."""
    return tables.observe(tables.lease(Table(), LEASES), backends)


TABLE = make(
    backend("/home/a/myproject", 30001),
    backend("/home/a/two", 30002),
    backend("/home/a/two", 30003),
    backend("/home/a/early", 30004, Status.STARTING),
)
BROWSER = (("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),)


def ask(
    host: str, target: str, *fields: tuple[str, str], method: str = "GET", table: Table = TABLE
) -> Plan:
    """Plan one request."""
    headers = (("Host", host), *fields)
    return plan(Head(method, target, headers, "192.0.2.9"), table, NAMES, LET_IN)


def told(decided: Plan) -> tuple[int, str]:
    """Return status and word of a refusal."""
    assert isinstance(decided, Refuse), decided
    return decided.status, decided.error


@pytest.mark.parametrize(
    "host",
    [
        "myproject-alice.local",
        "myproject-alice.local:8080",
        "MyProject-Alice.LOCAL:8080",
        "myproject-alice.local.",
        "myproject-alice.local.:8080",
        "myproject.localhost:8080",
        "MYPROJECT.localhost.",
        "myproject-alice.localhost",
    ],
)
@pytest.mark.parametrize("target", ["/", "/api/health", "/myproject/x?y", "/two/", "/.ocr", "//x"])
def test_by_host(host: str, target: str) -> None:
    """On a project's own name every path is the backend's, the router's own paths included."""
    decided = ask(host, target)
    assert isinstance(decided, Forward)
    assert (decided.project.slug, decided.target, decided.prefix) == ("myproject", target, "")


@pytest.mark.parametrize(
    ("target", "slug", "rest"),
    [
        ("/myproject/", "myproject", "/"),
        ("/myproject/a/b?x=1&y", "myproject", "/a/b?x=1&y"),
        ("/myproject//x//y", "myproject", "//x//y"),
        ("/myproject/a%20b%3F", "myproject", "/a%20b%3F"),
        ("/myproject/a%2Fb", "myproject", "/a%2Fb"),
        ("/myproject/a%2Bb+c;d[e]", "myproject", "/a%2Bb+c;d[e]"),
        ("/myproject/%zz?q=%zz;r", "myproject", "/%zz?q=%zz;r"),
        ("/myproject/../etc", "myproject", "/../etc"),
        ("/myproject/%2e%2e/etc", "myproject", "/%2e%2e/etc"),
        ("/myproject/x?", "myproject", "/x?"),
        ("/myproject/?", "myproject", "/?"),
        ("/my%70roject/x", "myproject", "/x"),
        ("/two/api/health", "two", "/api/health"),
        ("/two/.ocr/login", "two", "/.ocr/login"),
        ("/two/two/", "two", "/two/"),
    ],
)
@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "box"])
def test_by_path(host: str, target: str, slug: str, rest: str) -> None:
    """On the router's own names the first segment is cut off; the rest stays byte for byte."""
    decided = ask(host, target)
    assert isinstance(decided, Forward)
    assert (decided.project.slug, decided.target, decided.prefix) == (slug, rest, f"/{slug}")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        *[("/", "/"), ("/?x", "/"), ("/api", "/api"), ("/api/health?x", "/api/health")],
        *[("/.ocr", "/.ocr"), ("/.ocr/login", "/.ocr/login"), ("//myproject/x", "//myproject/x")],
        *[("/%61pi/health", "/%61pi/health"), ("//", "//")],
    ],
)
def test_local(target: str, path: str) -> None:
    """What the router answers itself; an empty first segment names no project."""
    assert ask("localhost:8080", target) == Local(path)


@pytest.mark.parametrize("host", ["myproject.localhost", "myproject-alice.local", "gone.localhost"])
def test_reserved_prefix_on_project_hosts(host: str) -> None:
    """Below `/.ocr/` the router answers on every name, so that login can live there."""
    assert ask(host, "/.ocr/login?next=/") == Local("/.ocr/login")


@pytest.mark.parametrize(
    ("host", "target", "status", "error"),
    [
        ("evil.org", "/", 421, "unknown_host"),
        ("myproject-bob.local", "/", 421, "unknown_host"),
        ("myproject.local", "/", 421, "unknown_host"),
        ("rebind.evil.org:8080", "/api/health", 421, "unknown_host"),
        ("nope.localhost", "/", 404, "unknown_project"),
        ("nope-alice.local", "/", 404, "unknown_project"),
        ("localhost", "/nope/x", 404, "unknown_project"),
        ("localhost", "/MyProject/x", 404, "unknown_project"),
        ("localhost", "/favicon.ico", 404, "unknown_project"),
        ("localhost", "/myproject%2Fx", 404, "unknown_project"),
        ("gone-alice.local", "/", 503, "project_down"),
        ("localhost", "/gone/x", 503, "project_down"),
        ("localhost", "/gone", 503, "project_down"),
        ("early.localhost", "/x", 503, "project_down"),
        ("localhost", "/early/x", 503, "project_down"),
        ("", "/", 400, "bad_request"),
        ("localhost:abc", "/", 400, "bad_request"),
        ("user@localhost", "/", 400, "bad_request"),
        ("localhost", "", 400, "bad_request"),
        ("localhost", "*", 400, "bad_request"),
        ("localhost", "x", 400, "bad_request"),
        ("localhost", "ftp://localhost/", 400, "bad_request"),
        ("localhost", "http://evil.org/", 400, "bad_request"),
        ("localhost", "http://u:p@localhost/", 400, "bad_request"),
        ("localhost", "http://localhost:80/", 400, "bad_request"),
        ("localhost", "://localhost/", 400, "bad_request"),
    ],
)
def test_refused(host: str, target: str, status: int, error: str) -> None:
    """What leads nowhere says why."""
    assert told(ask(host, target)) == (status, error)


@pytest.mark.parametrize(
    "headers",
    [(), (("Host", "localhost"), ("host", "localhost")), (("Host", "localhost"), ("Host", "x"))],
)
def test_one_host(headers: Headers) -> None:
    """No Host, or two of them: nobody can tell what is meant."""
    assert told(plan(Head("GET", "/", headers, "p"), TABLE, NAMES, LET_IN)) == (400, "bad_request")


@pytest.mark.parametrize("target", ["localhost:80", "/myproject/x", "http://localhost/"])
def test_no_connect(target: str) -> None:
    """The proxy leads to projects, not anywhere."""
    assert told(ask("localhost", target, method="CONNECT")) == (400, "bad_request")


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        ("http://localhost:8080/myproject/a%2Fb?c", "/a%2Fb?c"),
        ("HTTP://LOCALHOST:8080/myproject/", "/"),
        ("https://localhost:8080/myproject//", "//"),
    ],
)
def test_absolute_form(target: str, rest: str) -> None:
    """A target with scheme and host is read like the path in it, if both agree with Host."""
    decided = ask("localhost:8080", target)
    assert isinstance(decided, Forward)
    assert decided.target == rest


def test_absolute_form_without_a_path() -> None:
    """Nothing after the authority is the root."""
    assert ask("localhost", "http://localhost") == Local("/")


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/myproject", "/myproject/"),
        ("/myproject?a=%zz", "/myproject/?a=%zz"),
        ("/myproject?", "/myproject/?"),
        ("/my%70roject", "/my%70roject/"),
        ("http://localhost/myproject", "/myproject/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_slash_is_added(target: str, location: str, method: str) -> None:
    """`/{slug}` is sent to `/{slug}/`, so that relative links fit; the method stays."""
    assert ask("localhost", target, method=method) == Redirect(308, location)


@pytest.mark.parametrize(
    "target", ["//evil.org", "/\\evil.org", "/%5Cevil.org", "/%2F%2Fevil.org", "/https://evil.org"]
)
def test_no_open_redirect(target: str) -> None:
    """No target makes the router send a client to another site."""
    assert not isinstance(ask("localhost", target), Redirect)


@pytest.mark.parametrize(
    ("host", "target", "location"),
    [
        ("localhost:8080", "/two/", "http://two.localhost:8080/"),
        ("localhost", "/two/a%2Fb?x=1", "http://two.localhost/a%2Fb?x=1"),
        ("LOCALHOST.:9", "/two/", "http://two.localhost:9/"),
        ("box:8080", "/two/x", "http://two-alice.local:8080/x"),
        ("localhost:8080", "/two//evil.org/", "http://two.localhost:8080//evil.org/"),
        ("localhost:8080", "/early/", "http://early.localhost:8080/"),
    ],
)
def test_page_loads_go_to_the_project_host(host: str, target: str, location: str) -> None:
    """A browser's page load in path mode is sent where the web UI works, same port."""
    assert ask(host, target, *BROWSER) == Redirect(302, location, varies=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "192.0.2.7:8080", "[::1]:8080"])
def test_page_loads_by_address_get_links(host: str) -> None:
    """All names that may resolve are offered; `localhost` only to who has come by it."""
    decided = ask(host, "/two/x?y", *BROWSER)
    assert isinstance(decided, Links)
    assert decided.project.slug == "two"
    links = ["http://two.localhost:8080/x?y", "http://two-alice.local:8080/x?y"]
    expected = links[1:] if host.startswith("192") else links
    assert decided.links == tuple((link, link) for link in expected)


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", ()),
        ("GET", (("Accept", "*/*"),)),
        ("GET", (("Accept", "application/json"),)),
        ("GET", (("Accept", "text/event-stream"),)),
        ("GET", (("Accept", "text/htmlx"),)),
        ("POST", BROWSER),
        ("HEAD", BROWSER),
        ("GET", (*BROWSER, ("Sec-Fetch-Dest", "empty"))),
        ("GET", (*BROWSER, ("Sec-Fetch-Dest", "iframe"))),
        ("GET", (*BROWSER, ("Connection", "Upgrade"), ("Upgrade", "websocket"))),
    ],
)
def test_programs_are_not_redirected(method: str, fields: Headers) -> None:
    """Only a page load is; what programs send stays in path mode."""
    assert isinstance(ask("localhost:8080", "/two/x", *fields, method=method), Forward)


def test_page_loads_on_the_project_host_are_forwarded() -> None:
    """There it is right already."""
    assert isinstance(ask("two.localhost:8080", "/", *BROWSER), Forward)


@pytest.mark.parametrize("host", ["localhost:8080", "myproject.localhost:8080", "127.0.0.1:8080"])
@pytest.mark.parametrize(
    "fields",
    [
        (("Origin", "http://evil.org"),),
        (("Origin", "null"),),
        (("Sec-Fetch-Site", "cross-site"),),
        (("Origin", "http://evil.org"), ("Connection", "Upgrade"), ("Upgrade", "websocket")),
    ],
)
@pytest.mark.parametrize("target", ["/", "/myproject/x", "/api/health", "/.ocr/x"])
def test_foreign_pages(host: str, fields: Headers, target: str) -> None:
    """Pages of other origins get nothing, WebSockets included."""
    assert told(ask(host, target, *fields)) == (403, "foreign_origin")


def test_links_of_other_sites_lead_to_the_start() -> None:
    """They open the first page, whatever they name."""
    fields = (
        *(("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")),
        *(("Sec-Fetch-Dest", "document"), *BROWSER),
    )
    assert ask("two.localhost", "/x?directory=/etc", *fields) == Redirect(303, "/")
    assert isinstance(ask("two.localhost", "/", *fields), Forward)


def test_unknown_host_comes_before_everything() -> None:
    """DNS rebinding makes origin and host agree: the name alone must be enough to refuse."""
    fields = (("Origin", "http://evil.org"), ("Sec-Fetch-Site", "same-origin"))
    assert told(ask("evil.org", "/.ocr/login", *fields)) == (421, "unknown_host")


@pytest.mark.parametrize(
    ("target", "session"),
    [
        ("/session/ses_1/message", "ses_1"),
        ("/session/ses_1", "ses_1"),
        ("/session/ses_1?directory=x", "ses_1"),
        ("/session/ses%5F1/abort", "ses_1"),
        ("/api/session/ses_1/prompt", "ses_1"),
        ("/session", None),
        ("/session/", None),
        ("/session/status", None),
        ("/sessions/ses_1", None),
        ("/apisession/ses_1", None),
        ("/x/session/ses_1", None),
        ("/?/session/ses_1", None),
    ],
)
def test_session(target: str, session: str | None) -> None:
    """A request about a session says which, where more than one backend may have it."""
    for host, prefix in (("two.localhost", ""), ("localhost", "/two")):
        decided = ask(host, prefix + target)
        assert isinstance(decided, Forward)
        assert decided.session == session
    alone = ask("myproject.localhost", target)
    assert isinstance(alone, Forward)
    assert alone.session is None


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.STARTING])
def test_status_is_the_backends_business(status: Status) -> None:
    """Locked, busy or failed: the backend says so itself."""
    decided = ask("two.localhost", "/", table=make(backend("/home/a/two", 30002, status)))
    assert isinstance(decided, Forward)
    assert decided.backend.listener.port == 30002


@pytest.mark.parametrize(
    ("directories", "slug"),
    [(["/home/a/x-alice"], "x-alice"), (["/home/a/x"], "x"), (["/a/x-alice", "/a/x"], "x-alice")],
)
def test_a_name_with_two_meanings(directories: Iterable[str], slug: str) -> None:
    """`x-alice.localhost` means the project `x-alice`, or else the project `x` of alice."""
    leases = {d: d.rpartition("/")[2] for d in directories}
    served = tables.lease(Table(), leases)
    served = tables.observe(served, [backend(d, n) for n, d in enumerate(directories, 1)])
    decided = ask("x-alice.localhost", "/", table=served)
    assert isinstance(decided, Forward)
    assert decided.project.slug == slug


def test_a_name_with_two_meanings_that_is_down() -> None:
    """A project that was here is down, not unknown."""
    down = tables.lease(Table(), {"/home/a/x": "x"})
    refused = ask("x-alice.localhost", "/", table=down)
    assert told(refused) == (503, "project_down")
    assert isinstance(refused, Refuse)
    assert "see the dashboard; else `ocr-router start DIRECTORY`" in refused.hint


def test_a_name_with_two_meanings_stays_with_the_first() -> None:
    """While `x-alice` is down, its name does not lead to `x`; the name with the owner does."""
    leases = {"/a/x-alice": "x-alice", "/a/x": "x"}
    table = tables.observe(tables.lease(Table(), leases), [backend("/a/x", 1)])
    refused = ask("x-alice.localhost", "/", table=table)
    assert told(refused) == (503, "project_down")
    assert isinstance(refused, Refuse)
    assert "'x-alice'" in refused.detail
    assert isinstance(ask("x-alice.local", "/", table=table), Forward)


def test_what_a_backend_is_told() -> None:
    """The client's Host, and who asked, for what, under which prefix."""
    decided = ask("LocalHost:8080", "/two/x", ("X-Forwarded-For", "1.1.1.1"), ("A", "b"))
    assert isinstance(decided, Forward)
    assert decided.headers == (
        ("Host", "LocalHost:8080"),
        ("A", "b"),
        ("X-Forwarded-For", "192.0.2.9"),
        ("X-Forwarded-Host", "LocalHost:8080"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Prefix", "/two"),
    )


def test_refusals_tell_no_internals() -> None:
    """No port and no directory of a backend is in any refusal's text."""
    for host, target in [("early.localhost", "/"), ("gone.localhost", "/"), ("x.localhost", "/")]:
        decided = ask(host, target)
        assert isinstance(decided, Refuse)
        assert "/home" not in f"{decided.detail}{decided.hint}"
        assert "3000" not in f"{decided.detail}{decided.hint}"


TEXT = st.text(max_size=12)
BITS = st.sampled_from(
    [
        "/",
        "//",
        "myproject",
        "my%70roject",
        "two",
        "api",
        ".ocr",
        "session",
        "ses_1",
        "%2F",
        "%",
        "?",
    ]
)
TARGET = st.one_of(TEXT, st.lists(st.one_of(BITS, TEXT), max_size=6).map("".join))
HOST = st.one_of(
    st.sampled_from(
        ["localhost", "two.localhost:1", "myproject-alice.local", "127.0.0.1", "[::1]"]
    ),
    st.text(max_size=12),
)
FIELD = st.tuples(
    st.one_of(
        st.sampled_from(
            [
                *HOP_BY_HOP,
                "Host",
                "Accept",
                "Origin",
                "Sec-Fetch-Site",
                "Sec-Fetch-Mode",
                "Forwarded",
            ]
        ),
        TEXT,
    ),
    st.one_of(st.sampled_from(["text/html", "cross-site", "navigate", "Upgrade", "host"]), TEXT),
)
HEAD = st.builds(
    lambda method, target, host, fields, peer: Head(method, target, (*host, *fields), peer),
    st.one_of(st.sampled_from(["GET", "POST", "CONNECT"]), TEXT),
    TARGET,
    st.lists(HOST.map(lambda host: ("Host", host)), min_size=1, max_size=1),
    st.lists(FIELD, max_size=6),
    TEXT,
)


@given(HEAD)
def test_every_head_has_a_plan(head: Head) -> None:
    """Planning never raises; nothing hop-by-hop is forwarded, and Host as it came."""
    decided = plan(head, TABLE, NAMES, LET_IN)
    if isinstance(decided, Forward):
        names = [name.lower() for name, _ in decided.headers]
        allowed = {"te"} | ({"connection", "upgrade"} if is_upgrade(decided.headers) else set())
        assert not set(names) & HOP_BY_HOP - allowed
        assert names.count("host") == 1
        assert get(decided.headers, "host") == head.host
        assert decided.target.startswith("/")
        assert head.target.endswith(decided.target) or decided.target == "/"
    if isinstance(decided, Redirect):
        assert decided.location.startswith(("/my", "/two", "/early", "http://")) or (
            decided == Redirect(303, "/")
        )


@given(st.text(st.characters(blacklist_characters="#")), st.sampled_from(["", "?"]), st.text())
def test_the_remainder_is_kept(path: str, mark: str, query: str) -> None:
    """Whatever follows the slug reaches the backend as it is."""
    target = f"/{path}{mark}{query if mark else ''}"
    for host, prefix in (("two.localhost", ""), ("localhost", "/two")):
        decided = ask(host, prefix + target)
        if host == "two.localhost" and target.partition("?")[0].startswith("/.ocr/"):
            continue
        assert isinstance(decided, Forward)
        assert decided.target == target


@given(HEAD)
def test_the_table_does_not_matter_to_strangers(head: Head) -> None:
    """An unknown Host gets the same answer whatever is served here: it learns nothing."""
    strange = replace(head, headers=(("Host", "evil.org"),))
    assert plan(strange, TABLE, NAMES, LET_IN) == plan(strange, Table(), NAMES, LET_IN)
