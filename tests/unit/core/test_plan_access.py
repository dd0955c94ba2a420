"""Routing and who asks: what is decided for strangers, for tokens and for sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import LET_IN, backend
from tests.unit.core.test_plan import BROWSER, HEAD, LEASES, NAMES, TABLE, make

from opencoderouter.core import query
from opencoderouter.core import table as tables
from opencoderouter.core.admission import Admission, admit
from opencoderouter.core.basic import basic
from opencoderouter.core.grant import EVERYBODY, PEER, Caller, Grant
from opencoderouter.core.headers import Headers, get
from opencoderouter.core.keyring import Keyring, digest
from opencoderouter.core.model import Backend
from opencoderouter.core.plan import Forward, Head, Links, Local, Plan, Redirect, plan
from opencoderouter.core.plan import Unauthenticated as Unknown
from opencoderouter.core.refusals import Refuse
from opencoderouter.core.table import Table

NOBODY = Admission()
PEER_IN = Admission(PEER)
TOKEN = Admission(Grant("token", "ci", token="t", project="two"), spent=True)
READER = Admission(Grant("token", "ci", token="t", read_only=True), spent=True)
SESSION = Admission(Grant("password", epoch="e", expires=9.0, session="s"))
OWN_PAGE = ("Referer", "http://localhost/x?y")
TYPED = ("Sec-Fetch-Site", "none")
CROSS = (("Sec-Fetch-Site", "cross-site"),)
NAVIGATION = (*CROSS, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), *BROWSER)
HOSTS = ["localhost:8080", "127.0.0.1", "box", "two.localhost", "myproject-alice.local"]


def ask(
    host: str,
    target: str,
    *fields: tuple[str, str],
    who: Admission = NOBODY,
    method: str = "GET",
    table: Table = TABLE,
    peer: str = "192.0.2.9",
    scheme: str = "http",
) -> Plan:
    """Plan one request."""
    head = Head(method, target, (("Host", host), *fields), peer, scheme)
    return plan(head, table, NAMES, who)


def status(decided: Plan) -> int:
    """Return the status of a refusal; 0 for anything else."""
    return decided.status if isinstance(decided, Refuse) else 0


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "target",
    [
        *["/", "/x", "/two/", "/two", "/gone/x", "/nope/x", "/api", "/api/", "/api/backends"],
        *["/api/health/", "/api/health/x", "/API/health", "/%61pi/health", "//api/health"],
        *["/.ocr", "/.ocrx/", "/.OCR/login", "/%2eocr/login", "//.ocr/login", "/x/../.ocr/login"],
        *["/two/.ocr/login", "/two/api/health", "/api/../.ocr/x", "/session/ses_1", "/event"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_strangers_are_asked_who_they_are(host: str, target: str, method: str) -> None:
    """On every name and path, by every method, whatever there is."""
    assert isinstance(ask(host, target, method=method), Unknown)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "target",
    [
        *["/.ocr/login", "/.ocr/", "/.ocr/x?y", "/.ocr/../api/backends", "/.ocr/%2e%2e/two/"],
        *["/.ocr//", "/.ocr/go", "/.ocr/enter?ticket=x", "/.ocr/logout"],
    ],
)
@pytest.mark.parametrize("who", [NOBODY, TOKEN, READER, SESSION, PEER_IN, Admission(held=9.0)])
def test_the_routers_own_on_every_name(host: str, target: str, who: Admission) -> None:
    """Below `/.ocr/` the application answers, and looks itself at who asks; no backend does."""
    assert ask(host, target, who=who) == Local(target.partition("?")[0])


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("who", [NOBODY, TOKEN, READER])
def test_health(host: str, who: Admission) -> None:
    """That a router is here is told on its own names; on a project's it is the project's."""
    decided = ask(host, "/api/health?x", who=who)
    assert (decided == Local("/api/health")) is ("two" not in host and "myproject" not in host)


@pytest.mark.parametrize("who", [NOBODY, TOKEN, READER, SESSION, PEER_IN, Admission(held=9.0)])
@pytest.mark.parametrize("target", ["/", "/two/x", "/.ocr/login", "/api/health"])
def test_what_is_refused_before_anybody_is_asked(target: str, who: Admission) -> None:
    """Nonsense, foreign names and foreign pages: for everyone the same."""
    assert status(ask("", target, who=who)) == 400
    assert status(ask("localhost", target, ("Host", "localhost"), who=who)) == 400
    assert status(ask("localhost", target, method="CONNECT", who=who)) == 400
    assert status(ask("evil.org", target, who=who)) == 421
    assert status(ask("localhost", target, ("Origin", "http://evil.org"), who=who)) == 403
    assert status(ask("localhost", target, *CROSS, who=who)) == 403


@pytest.mark.parametrize("who", [NOBODY, TOKEN, PEER_IN])
def test_one_authorization(who: Admission) -> None:
    """Of several, the one that was looked at may not be the one that a backend takes."""
    for host in ("localhost", "two.localhost"):
        shown = (("Authorization", "Bearer a"), ("authorization", "Basic eDp5"))
        refusal = ask(host, "/two/x", *shown, who=who)
        assert isinstance(refusal, Refuse)
        assert (refusal.status, "Authorization" in refusal.detail) == (400, True)


@given(HEAD, st.booleans())
def test_strangers_do_not_learn_what_there_is(head: Head, held: bool) -> None:  # noqa: FBT001
    """Without a grant the answer is the same whatever is served, was served, or never was."""
    who = Admission(held=9.0, failed=not held) if held else NOBODY
    down = tables.lease(Table(), LEASES)
    decided = plan(head, TABLE, NAMES, who)
    assert decided == plan(head, Table(), NAMES, who) == plan(head, down, NAMES, who)
    assert not isinstance(decided, Forward | Links)


@given(HEAD)
def test_tokens_do_not_learn_of_other_projects(head: Head) -> None:
    """With a project's token the answer depends on nothing but that project."""
    only = tables.observe(
        tables.lease(Table(), {"/home/a/two": "two"}),
        [backend("/home/a/two", 30002), backend("/home/a/two", 30003)],
    )
    assert plan(head, TABLE, NAMES, TOKEN) == plan(head, only, NAMES, TOKEN)


def test_what_strangers_are_asked() -> None:
    """Where to go on to; in a page for whoever shows one; and if it can be read on the way."""
    api, agent = ("Accept", "application/json"), ("User-Agent", "Mozilla/5.0")
    assert ask("two.localhost", "/x?y", api) == Unknown("/x?y", False, False, True)  # noqa: FBT003
    page = ask("localhost", "http://localhost/x?y", *BROWSER, agent, peer="::1")
    assert page == Unknown("/x?y", True, True, False)  # noqa: FBT003
    fetched = ask("box", "/", agent, api, scheme="https")
    assert fetched == Unknown("/", False, True, False)  # noqa: FBT003
    posted = ask("box", "/", *BROWSER, method="POST")
    assert posted == Unknown("/", False, False, True)  # noqa: FBT003


def test_held() -> None:
    """Who failed too often is told to wait, wherever they ask."""
    for host in HOSTS:
        decided = ask(host, "/x", who=Admission(held=8.2))
        assert isinstance(decided, Refuse)
        assert (decided.status, decided.wait) == (429, 9)


@pytest.mark.parametrize(
    ("host", "target", "rest"),
    [
        *[("two.localhost", "/x?y", "/x?y"), ("two-alice.local:8080", "/", "/")],
        *[("localhost", "/two/x", "/x"), ("127.0.0.1", "/t%77o/x", "/x"), ("box", "/two//", "//")],
        ("localhost", "/two/../api/backends", "/../api/backends"),
        ("two.localhost", "/myproject/", "/myproject/"),
        ("two.localhost", "/x?directory=/home/a/two", "/x?directory=/home/a/two"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_project_token(host: str, target: str, rest: str, method: str) -> None:
    """It leads to its project, on its names and by its path, and stays with that backend."""
    decided = ask(host, target, who=TOKEN, method=method)
    assert isinstance(decided, Forward)
    assert (decided.project.slug, decided.target) == ("two", rest)


@pytest.mark.parametrize(
    ("host", "target"),
    [
        *[
            ("myproject.localhost", "/"),
            ("myproject-alice.local", "/two/"),
            ("gone.localhost", "/"),
        ],
        *[("nope.localhost", "/x"), ("x-alice.localhost", "/"), ("localhost", "/myproject/x")],
        *[("localhost", "/my%70roject/x"), ("localhost", "/nope/"), ("localhost", "/gone/x")],
        *[
            ("localhost", "/"),
            ("localhost", "//"),
            ("localhost", "//two/x"),
            ("box", "/api/backends"),
        ],
        *[("localhost", "/api"), ("localhost", "/%61pi/backends"), ("localhost", "/api/health/x")],
        *[("localhost", "/.ocr"), ("localhost", "/two%2Fx"), ("localhost", "/./two/x")],
        *[("localhost", "/../two/x"), ("localhost", "/%2e%2e/two/"), ("localhost", "/x/../two/")],
        *[("localhost", "/myproject/../two/x"), ("localhost", "/TWO/x"), ("localhost", "/two;/x")],
        *[("localhost", "/%2574wo/x"), ("localhost", "/two%00/x"), ("localhost", "\\two/x")],
        *[("127.0.0.1", "/myproject"), ("localhost", "/myproject?x")],
        *[("two.localhost", f"/x?{name}=/etc") for name in ("directory", "location%5Bdirectory]")],
        *[("localhost", "/two/x?workspace=w"), ("localhost", "/two/x?d&%64irectory=%252Fetc")],
        ("two.localhost", "/x?directory=/home/a/two&directory=/home/a/myproject"),
        ("two.localhost", "/x?directory=/home/a/two/../myproject"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_project_token_leads_nowhere_else(host: str, target: str, method: str) -> None:
    """Neither to another project, nor to the router, nor to another directory."""
    for fields in ((), BROWSER):
        decided = ask(host, target, *fields, who=TOKEN, method=method)
        if isinstance(decided, Redirect):  # to where the same is asked again
            assert decided.location.startswith("http://two.localhost/")
        else:
            assert status(decided) == (400 if target.startswith("\\") else 403)


def test_a_project_token_and_fields() -> None:
    """What OpenCode reads in fields counts as well."""
    for name, value in (("X-OpenCode-Directory", "%2Fetc"), ("x-opencode-workspace", "w")):
        assert status(ask("two.localhost", "/x", (name, value), who=TOKEN)) == 403
        assert isinstance(ask("two.localhost", "/x", (name, value), who=PEER_IN), Forward)


def test_a_project_token_of_a_project_that_is_down() -> None:
    """Its holder hears that, and of no other."""
    gone = Admission(Grant("token", project="gone"))
    assert status(ask("gone.localhost", "/", who=gone)) == 503
    assert status(ask("two.localhost", "/", who=gone)) == 403
    never = Admission(Grant("token", project="never"))
    assert status(ask("localhost", "/never/x", who=never)) == 404


def test_a_token_of_a_name_with_two_meanings() -> None:
    """A name leads to one project: a token of the other one does not lead there."""
    table = make(backend("/home/a/x-alice", 1))
    for slug, code in (("x-alice", 0), ("x", 403)):
        who = Admission(Grant("token", project=slug))
        assert status(ask("x-alice.localhost", "/", who=who, table=table)) == code


@pytest.mark.parametrize("host", ["two.localhost", "localhost"])
def test_a_reader(host: str) -> None:
    """It reads what sessions do, in any project; nothing else gets through."""
    base = "" if host.startswith("two") else "/two"
    assert isinstance(ask(host, f"{base}/session/ses_1/message", who=READER), Forward)
    for target in ("/config", "/", "/session/../config", "/session?directory=/home/a/two"):
        assert status(ask(host, base + target, who=READER)) == 403
    assert status(ask(host, f"{base}/session", who=READER, method="POST")) == 403
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
    assert status(ask(host, f"{base}/event", *upgrade, who=READER)) == 403


def test_a_reader_and_the_router() -> None:
    """It sees the dashboard and what the API tells, and changes nothing."""
    for target in ("/", "/api/backends", "/api/events"):
        assert ask("localhost", target, who=READER) == Local(target)
        assert status(ask("localhost", target, who=READER, method="POST")) == 403
    assert status(ask("localhost", "/api/../api/backends", who=READER)) == 403


@pytest.mark.parametrize("who", [PEER_IN, LET_IN, SESSION])
def test_who_may_do_all(who: Admission) -> None:
    """Nothing is kept from them, whatever directory they name."""
    api = ask("localhost", "/api/backends/x", OWN_PAGE, who=who, method="DELETE")
    assert api == Local("/api/backends/x")
    assert isinstance(ask("two.localhost", "/pty?directory=/etc", TYPED, who=who), Forward)


def test_a_session_takes_a_ticket_along() -> None:
    """A cookie is of one name: the way to another leads by where tickets are given out."""
    go = "/.ocr/go?to=http%3A%2F%2Ftwo.localhost%3A8080%2Fa%252Fb%3Fx%3D1%26y"
    target = "/two/a%2Fb?x=1&y"
    assert ask("localhost:8080", target, *BROWSER, TYPED, who=SESSION) == Redirect(
        302, go, varies=True
    )
    links = ask("127.0.0.1:8080", "/two/", *BROWSER, who=SESSION)
    assert isinstance(links, Links)
    assert links.links == tuple(
        (f"http://{name}:8080/", f"/.ocr/go?to=http%3A%2F%2F{name}%3A8080%2F")
        for name in ("two.localhost", "two-alice.local")
    )


FOREIGN_PORT = ("Referer", "http://localhost:9999/")


@pytest.mark.parametrize("fields", [(), (FOREIGN_PORT,), (OWN_PAGE, FOREIGN_PORT)])
def test_a_cookie_alone_proves_no_page(fields: Headers) -> None:
    """Another port's page sends our cookie along; without Fetch Metadata only the start is safe."""
    for host, target in (
        ("localhost", "/api/backends"),
        ("localhost", "/two/path?directory=/tmp/trap"),
        ("localhost", "/?directory=/tmp/trap"),
        ("two.localhost", "/path?directory=/tmp/trap"),
        ("two.localhost", "/L3RtcC90cmFw/session"),
        ("two.localhost", "/event"),
    ):
        assert status(ask(host, target, *fields, who=SESSION)) == 403
        assert ask(host, target, *fields, *BROWSER, who=SESSION) == Redirect(303, "/")
        assert status(ask(host, target, *fields, who=PEER_IN)) == 0
    assert status(ask("localhost", "/two/", *fields, who=SESSION, method="POST")) == 403
    assert ask("localhost", "/", *fields, *BROWSER, who=SESSION) == Local("/")
    assert isinstance(ask("two.localhost", "/", *fields, *BROWSER, who=SESSION), Forward)


@pytest.mark.parametrize("who", [PEER_IN, LET_IN, READER])
def test_others_need_no_ticket(who: Admission) -> None:
    """Who is known by the connection or shows a secret with each request just goes there."""
    decided = ask("localhost", "/two/", *BROWSER, who=who)
    assert decided == Redirect(302, "http://two.localhost/", varies=True)
    assert ask("localhost", "/two", who=SESSION) == Redirect(308, "/two/")


@pytest.mark.parametrize("who", [NOBODY, SESSION, PEER_IN])
def test_links_of_other_sites(who: Admission) -> None:
    """They lead to the start, but for a ticket's: that comes from another of our names."""
    for host in HOSTS:
        assert ask(host, "/.ocr/enter?ticket=x&to=y", *NAVIGATION, who=who) == Local("/.ocr/enter")
        for target in ("/x?directory=/etc", "/.ocr/go?to=x", "/.ocr/login", "/.ocr/enter/x"):
            assert ask(host, target, *NAVIGATION, who=who) == Redirect(303, "/")
        assert not isinstance(ask(host, "/", *NAVIGATION, who=who), Redirect)


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        (CROSS, "GET"),
        ((*CROSS, ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")), "GET"),
        ((*CROSS, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), "GET"),
        (NAVIGATION, "POST"),
        ((*NAVIGATION, ("Origin", "http://two.localhost:8080")), "GET"),
        ((("Origin", "http://evil.org"),), "POST"),
    ],
)
def test_a_ticket_is_for_a_page_only(fields: Headers, method: str) -> None:
    """Nothing but a navigation gets to where tickets are exchanged, from elsewhere."""
    assert status(ask("localhost:8080", "/.ocr/enter?ticket=x", *fields, method=method)) == 403


KEYRING = Keyring("auto", digest("s3cret"), b"k" * 32)
OURS = basic("opencode", "s3cret")
TOKEN64 = OURS.partition(" ")[2]
ME, STRANGER = Caller("127.0.0.1", 1000, free=True), Caller("192.0.2.9")


def sent(
    target: str, *fields: tuple[str, str], caller: Caller = ME, own: str | None = None
) -> tuple[str, Headers]:
    """Return what a backend of the project ``two`` gets; ``own`` are its credentials."""
    head = Head("GET", target, (("Host", "two.localhost"), *fields), caller.address)
    admission = admit(head.target, head.headers, caller, KEYRING, 0.0)
    decided = plan(head, TABLE, NAMES, admission)
    assert isinstance(decided, Forward)
    return decided.to(with_password(decided.backend, own))


def with_password(one: Backend, own: str | None) -> Backend:
    """Return a backend whose server wants these credentials."""
    return replace(one, listener=replace(one.listener, authorization=own))


def shown(fields: Headers) -> list[str]:
    """Return the Authorization fields."""
    return [value for name, value in fields if name.lower() == "authorization"]


@pytest.mark.parametrize("own", [None, "Basic b3duOm93bg=="])
@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "authorization"])
@pytest.mark.parametrize("caller", [ME, STRANGER])
def test_the_password_does_not_travel(own: str | None, name: str, caller: Caller) -> None:
    """No backend sees it; one that has its own gets that."""
    for value in (OURS, "Bearer s3cret"):
        _, fields = sent("/x", (name, value), ("A", "b"), caller=caller, own=own)
        assert shown(fields) == ([own] if own else [])
        assert get(fields, "a") == "b"
        assert "s3cret" not in str(fields)


@pytest.mark.parametrize("spelled", ["auth_token", "auth%5Ftoken", "%61uth_token"])
def test_nor_does_it_in_a_query(spelled: str) -> None:
    """However the parameter is spelled; others stay."""
    target = f"/x?a=%zz&{spelled}={TOKEN64}&b"
    for own in (None, "Basic b3duOm93bg=="):
        assert sent(target, own=own)[0] == "/x?a=%zz&b"
        assert sent(target, ("Authorization", OURS), caller=STRANGER, own=own)[0] == "/x?a=%zz&b"


def test_credentials_of_a_backend_are_passed_on() -> None:
    """Where the router knows none, whoever was let in may show their own."""
    theirs = ("Authorization", basic("bob", "theirs"))
    target, fields = sent("/x?auth_token=Ym9iOnRoZWlycw==", theirs)
    assert target == "/x?auth_token=Ym9iOnRoZWlycw=="
    assert shown(fields) == [theirs[1]]


@pytest.mark.parametrize("spelled", ["auth_token", "auth%5Ftoken", "%61%75th_toke%6E"])
def test_a_backends_own_password_is_the_only_one(spelled: str) -> None:
    """What a client shows is replaced, in the query as well: OpenCode takes that first."""
    for value in ("", "Ym9iOnRoZWlycw==", "%zz", TOKEN64):
        target, fields = sent(
            f"/x?{spelled}={value}&y&{spelled}",
            *(("aUTHORIZATION", basic("bob", "theirs")),),
            own="Basic b3duOm93bg==",
        )
        assert (target, shown(fields)) == ("/x?y", ["Basic b3duOm93bg=="])
        assert not query.values(target, "auth_token")


def test_each_backend_gets_its_own_password() -> None:
    """Another one of the same project has another."""
    decided = ask("two.localhost", "/x", who=PEER_IN)
    assert isinstance(decided, Forward)
    one, two = (with_password(decided.backend, value) for value in ("Basic QTpC", "Basic QzpE"))
    assert shown(decided.to(one)[1]) == ["Basic QTpC"]
    assert shown(decided.to(two)[1]) == ["Basic QzpE"]
    assert shown(decided.headers) == []


@pytest.mark.parametrize("name", ["Cookie", "COOKIE"])
def test_sessions_do_not_travel(name: str) -> None:
    """No backend sees a router's cookie, whoever asks; its own it gets."""
    value = f"a=1; {KEYRING.cookie}=x.y; __Host-ocr-session-443=z; b=2"
    for who in (PEER_IN, LET_IN, SESSION, TOKEN):
        decided = ask("two.localhost", "/x", TYPED, (name, value), who=who)
        assert isinstance(decided, Forward)
        assert get(decided.headers, "cookie") == "a=1; b=2"
        alone = ask("localhost", "/two/x", OWN_PAGE, (name, f"{KEYRING.cookie}=x"), who=who)
        assert isinstance(alone, Forward)
        assert get(alone.headers, "cookie") is None


def test_nobody_says_who_they_are() -> None:
    """What the application is told by the lane cannot be sent by a client."""
    for name in ("X-Forwarded-User", "x-forwarded-user", "X-FORWARDED-ANYTHING"):
        _, fields = sent("/x", ("Authorization", OURS), (name, "{}"), ("Connection", name))
        assert get(fields, name.lower()) is None


@given(HEAD, st.sampled_from([EVERYBODY, PEER, TOKEN.grant, READER.grant, SESSION.grant]))
def test_every_head_has_a_plan(head: Head, grant: Grant) -> None:
    """Nothing is raised; what goes on has no secret of ours, and stays in its project."""
    fields = (*head.headers, ("Authorization", OURS), ("Cookie", f"{KEYRING.cookie}=x"))
    target = f"{head.target}{'&' if '?' in head.target else '?'}auth_token={TOKEN64}"
    asked = replace(head, headers=fields, target=target)
    decided = plan(asked, TABLE, NAMES, Admission(grant, spent=True, token_spent=True))
    if isinstance(decided, Forward):
        assert grant.project in {None, decided.project.slug}
        assert not shown(decided.headers)
        assert KEYRING.cookie not in str(decided.headers)
        assert TOKEN64 not in decided.target


@pytest.mark.parametrize("who", [PEER_IN, SESSION])
def test_no_service_worker(who: Admission) -> None:
    """It would see tickets and passwords on their way to the router, on the project's host."""
    own = (("Sec-Fetch-Site", "same-origin"), ("Service-Worker", "script"))
    assert status(ask("two.localhost", "/sw.js", *own, who=who)) == 403
    assert isinstance(ask("two.localhost", "/sw.js", own[0], who=who), Forward)
