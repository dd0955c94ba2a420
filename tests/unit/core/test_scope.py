"""What tokens that are not whole lead to."""

from __future__ import annotations

from urllib.parse import quote, unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.grant import PEER, Grant
from opencoderouter.core.headers import Headers
from opencoderouter.core.scope import confined, forbids, forbids_router

SHOP = "/home/a/shop"
PROJECT = Grant("token", project="shop")
READER = Grant("token", read_only=True)
BOTH = Grant("token", project="shop", read_only=True)
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


def refused(
    grant: Grant, target: str, *fields: tuple[str, str], method: str = "GET", directory: str = SHOP
) -> bool:
    """Tell whether a request to the project ``shop`` is refused."""
    return bool(forbids(grant, method, target, fields, directory))


READABLE = [
    *["/session", "/session/status", "/event", "/path", "/project/current", "/vcs"],
    *["/permission", "/question", "/api/permission/request", "/api/question/request"],
    *["/global/health", "/api/health"],
]
OF_ALL = [
    *["/project", "/global/event", "/api/event", "/api/session", "/api/session/active"],
    # Any session's id will do.
    *["/session/ses_1", "/session/ses_1/children", "/session/ses_1/message/msg_1"],
    *["/session/ses_1/todo", "/session/ses_1/diff", "/session/ses_1/message"],
    *["/api/session/ses_1", "/api/session/ses_1/message", "/api/session/ses_1/question"],
    *["/api/session/ses_1/message/msg_1", "/api/session/ses_1/permission"],
]
# Secrets stand in some, others do work or have whole files; the rest is no path of OpenCode's.
UNREADABLE = [
    *["/config", "/config/providers", "/global/config", "/provider", "/provider/auth", "/auth"],
    *["/agent", "/command", "/api/agent", "/api/command", "/skill", "/mcp", "/doc", "/", ""],
    *["/api/provider", "/api/provider/x", "/api/model", "/api/integration", "/api/reference"],
    *["/file", "/file/content", "/file/status", "/find", "/find/file", "/find/symbol"],
    *["/api/fs/read/etc/passwd", "/api/fs/list", "/api/fs/find", "/vcs/diff", "/vcs/diff/raw"],
    *["/pty", "/pty/pty_1", "/pty/pty_1/connect", "/api/pty", "/api/pty/pty_1/connect", "/lsp"],
    *["/experimental/session", "/experimental/tool", "/tui/control/next", "/api/location"],
    *["/session/ses_1/shell", "/session/ses_1/command", "/session/ses_1/share", "/session/a/b"],
    *["/api/session/ses_1/context", "/api/session/ses_1/history", "/api/session/ses_1/event"],
    *["/session/", "/session//", "/session/ses_1/", "/path/", "//path", "/PATH", "/%70ath"],
    *["/path;x", "/path\n", "/./path", "/x/../path", "/session/../config", "/session/.."],
    *["/session/%2e%2e/config", "/session/..%2fconfig", "/session/ses_1/../../config"],
    *["/session/ses_1%2fshell", "/session/ses_1/message/../../config", "/path#", "/project/x"],
    *["/api/path", "/event/x", "/globalevent", "/api/session/ses_1/prompt"],
]


@pytest.mark.parametrize("target", READABLE)
@pytest.mark.parametrize("query", ["", "?", "?limit=5&roots=true", "?before=%2541"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_reads(target: str, query: str, method: str) -> None:
    """What OpenCode tells of its work can be read, of one project or all."""
    for grant in (READER, BOTH):
        assert not refused(grant, target + query, method=method)


@pytest.mark.parametrize("target", OF_ALL)
def test_what_tells_of_all_projects(target: str) -> None:
    """Who may read one project only does not hear of the others."""
    assert not refused(READER, target)
    assert refused(BOTH, target)


@pytest.mark.parametrize("grant", [PROJECT, BOTH])
def test_sessions_of_the_project(grant: Grant) -> None:
    """A list of sessions is that of the project's folder, of which OpenCode decodes the name twice.

    Left alone it would be of all folders that are no git repositories.
    """
    assert confined(grant, "/session", "/a b%/c") == "/session?directory=%2Fa%20b%2525%2Fc"
    assert confined(grant, "/session?limit=5", SHOP).startswith("/session?limit=5&directory=")
    for target in ("/session/ses_1", "/event", f"/session?directory={SHOP}", "/session/status"):
        assert confined(grant, target, SHOP) == target
    for whole in (READER, Grant("password")):
        assert confined(whole, "/session", SHOP) == "/session"


@pytest.mark.parametrize("target", UNREADABLE)
def test_what_does_more_than_read(target: str) -> None:
    """Nothing is readable but what is listed, letter by letter."""
    for grant in (READER, BOTH):
        assert refused(grant, target)
    assert not refused(PROJECT, target)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "get", "Get", ""]
)
@pytest.mark.parametrize("target", ["/session", "/event", "/session/ses_1"])
def test_only_two_methods_read(method: str, target: str) -> None:
    """Whatever else may do something."""
    assert refused(READER, target, method=method)


@pytest.mark.parametrize("directory", [SHOP, "/etc", ""])
@pytest.mark.parametrize(
    "name",
    [
        *["directory", "%64irectory", "location[directory]", "location%5Bdirectory%5D"],
        *["location%5b%64irectory]", "workspace", "location[workspace]", "%77orkspace"],
    ],
)
def test_readers_name_no_directory(name: str, directory: str) -> None:
    """Not even their own: that would begin work there."""
    for query in (f"?{name}={directory}", f"?a=1&{name}={directory}&b", f"?{name}"):
        assert refused(READER, f"/session{query}")


@pytest.mark.parametrize(
    "fields",
    [
        (("X-OpenCode-Directory", SHOP),),
        (("x-opencode-workspace", "w"),),
        (("X-Opencode-Anything", ""),),
        UPGRADE,
    ],
)
def test_readers_send_nothing_special(fields: Headers) -> None:
    """No field of OpenCode's, and no upgrade."""
    assert refused(READER, "/event", *fields)


OWN = [
    *["/home/a/shop", "/home/a/shop/", "%2Fhome%2Fa%2Fshop", "%2fhome/a/sho%70"],
    *["%252Fhome%252Fa%252Fshop", "%252fhome/a/shop//"],
]
# Of these OpenCode makes another directory, in one place or another.
ELSEWHERE = [
    *["", "/", ".", "..", "shop", "/home/a", "/home/a/shop/sub", "/home/a/shopx", "/home/a/sho"],
    *[
        "/home/a/shop/../other",
        "/home/a/shop/..",
        "/home/a/shop/.",
        "/home/a//shop",
        "/HOME/a/shop",
    ],
    *["/home/a/shop%2F..%2Fother", "%252Fhome%252Fa%252Fshop%252F..", "/home/a/shop%00", "~"],
    *["%25252Fhome%25252Fa%25252Fshop", "/home/a/shop%20", "%20/home/a/shop", "+/home/a/shop"],
    *["/home/a/shop%zz", "/home/a/shop%25", "/home/a/shop#x", "/home/a/shop?x", "file:///home"],
    *["/home/a/shop;x", "/home/a/shop,/etc", "/home/a/shop%EF%BC%8F..", "\\home\\a\\shop"],
]
WITHIN_PROJECT = pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])


@WITHIN_PROJECT
@pytest.mark.parametrize("name", ["directory", "location[directory]", "location%5B%64irectory%5D"])
def test_a_project_in_a_query(name: str, method: str) -> None:
    """Its own directory may be named, as clients write it; every other one is refused."""
    for own in OWN:
        assert not refused(PROJECT, f"/x?a&{name}={own}", method=method)
    for other in ELSEWHERE:
        assert refused(PROJECT, f"/x?a&{name}={other}", method=method)
        assert refused(PROJECT, f"/x?{name}={SHOP}&{name}={other}", method=method)
        assert refused(PROJECT, f"/x?{name}={other}&{name}={SHOP}", method=method)


@WITHIN_PROJECT
@pytest.mark.parametrize("name", ["x-opencode-directory", "X-OpenCode-Directory"])
def test_a_project_in_a_field(name: str, method: str) -> None:
    """OpenCode decodes it once; of several it takes the last."""
    for own in OWN[:4]:
        assert not refused(PROJECT, "/x", (name, own), method=method)
    for other in (*ELSEWHERE, *OWN[4:]):
        if other.startswith("+"):
            continue  # no space in a field
        assert refused(PROJECT, "/x", (name, other), method=method)
        assert refused(PROJECT, "/x", (name, SHOP), (name, other), method=method)
        assert refused(PROJECT, "/x", (name, other), (name, SHOP), method=method)


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        *[("/x?workspace=w", ()), ("/x?%77orkspace", ()), ("/x?location[workspace]=", ())],
        ("/x", (("X-OpenCode-Workspace", "w"),)),
        (f"/x?directory={SHOP}&workspace=w", ()),
        (f"/x?directory={SHOP}&location[directory]=/etc", ()),
        (f"/x?directory={SHOP}", (("x-opencode-directory", "/etc"),)),
    ],
)
def test_a_project_has_no_other_ways(target: str, fields: Headers) -> None:
    """Workspaces lead elsewhere, and one name that fits does not excuse another."""
    assert refused(PROJECT, target, *fields)


@pytest.mark.parametrize("directory", ["/home/a/100%", "/home/a/%2e%2e", "/home/a/%252e"])
def test_a_directory_that_reads_in_two_ways(directory: str) -> None:
    """A percent sign in a name is never right: decoded once and twice it is two names."""
    for named in (directory, quote(directory, safe=""), quote(quote(directory, safe=""), safe="")):
        assert refused(PROJECT, f"/x?directory={named}", directory=directory)
        assert refused(PROJECT, "/x", ("x-opencode-directory", named), directory=directory)
    assert not refused(PROJECT, "/x", directory=directory)


@pytest.mark.parametrize("directory", ["/", "/home/ä/☃ x+y", "/home/a/b&c=d#e?f"])
def test_any_other_directory(directory: str) -> None:
    """Its name may have any other letter."""
    encoded = quote(directory, safe="")
    assert not refused(PROJECT, f"/x?directory={encoded}", directory=directory)
    assert not refused(PROJECT, f"/x?directory={quote(encoded)}", directory=directory)
    assert not refused(PROJECT, "/x", ("x-opencode-directory", encoded), directory=directory)


SPELLED = st.lists(
    st.sampled_from(
        [*"/home/a/shop", "/home/a/shop", "%", "25", "2F", "2f", "68", "..", "\\", "+"]
    ),
    max_size=8,
).map("".join)


@given(SPELLED)
def test_one_meaning_or_none(value: str) -> None:
    """What passes is the project's directory when OpenCode has decoded it, once or twice."""
    once = unquote_plus(value)
    if not refused(PROJECT, f"/x?directory={value}"):
        assert unquote(once).rstrip("/") == SHOP
        assert "%" not in once or unquote(once.rstrip("/")) == SHOP
    if not refused(PROJECT, "/x", ("x-opencode-directory", value)):
        assert unquote(value).rstrip("/") == SHOP


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_who_may_all_is_refused_nothing(method: str, target: str, fields: Headers) -> None:
    """Nothing is raised for anybody, whatever is asked."""
    assert not forbids(PEER, method, target, tuple(fields), SHOP)
    assert not forbids_router(PEER, method, target)
    for grant in (PROJECT, READER, BOTH):
        forbids(grant, method, target, tuple(fields), SHOP)
        forbids_router(grant, method, target)


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [
        *[("GET", "/", True), ("HEAD", "/api/backends", True), ("GET", "/api/health", True)],
        *[
            ("GET", "/api/events", True),
            ("GET", "/api/metrics", True),
            ("GET", "/api/resolve", True),
            ("GET", "/api/peers", True),
            ("GET", "/api/fleet", True),
        ],
        *[("POST", "/", False), ("POST", "/api/backends", False), ("GET", "/api/x", False)],
        *[
            ("GET", "//", False),
            ("GET", "/api/backends/x", False),
            ("GET", "/api/openapi_json", False),
        ],
        *[("GET", "/api/../api/health", False), ("get", "/", False), ("GET", "/\n", False)],
        *[("GET", "", False), ("GET", "/.ocr", False), ("DELETE", "/api/backends/x", False)],
    ],
)
def test_the_routers_own(method: str, path: str, reads: bool) -> None:  # noqa: FBT001
    """Who only reads sees what is there; who has a project has nothing to see there."""
    assert bool(forbids_router(READER, method, path)) is not reads
    for grant in (PROJECT, BOTH):
        assert "'shop'" in forbids_router(grant, method, path)
    assert not forbids_router(PEER, method, path)
