"""Who asks: what the lane says, and nothing else."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from opencoderouter.core.grant import Grant, Identified, to_json
from opencoderouter.core.hosts import Authority
from opencoderouter.proxy.who import authority, is_browser, is_readable, scheme, who

ADA = Identified("192.0.2.1", Grant("password", epoch="e", session="s", expires=3.0))
SAID = ("X-Forwarded-User", to_json(ADA))


def test_identity() -> None:
    """It is who the lane says it is."""
    assert who(make_mocked_request("GET", "/", CIMultiDict([SAID]))) == ADA


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [SAID, SAID],
        *[
            [("X-Forwarded-User", text)]
            for text in ("", "{", "[]", "{}", "null", '{"origin": "x"}')
        ],
        [("X-Forwarded-User", '{"origin": "x", "grant": {"via": "peer", "more": 1}}')],
    ],
)
def test_nobody(fields: list[tuple[str, str]]) -> None:
    """Without a word that makes sense it is nobody."""
    assert who(make_mocked_request("GET", "/", CIMultiDict(fields))).grant is None


def test_how() -> None:
    """Scheme and name are those of the client, not of the lane."""
    fields = [("Host", "Devbox:81"), ("X-Forwarded-Proto", "https")]
    request = make_mocked_request("GET", "/", CIMultiDict(fields))
    assert (scheme(request), authority(request)) == ("https", Authority("devbox", "81"))


@pytest.mark.parametrize(
    ("origin", "proto", "readable"),
    [
        *[("192.0.2.1", "http", True), ("192.0.2.1", "https", False), ("fe80::1%2", "http", True)],
        *[("127.0.0.1#1001", "http", False), ("::1", "http", False), ("", "http", True)],
    ],
)
def test_readable(origin: str, proto: str, readable: bool) -> None:  # noqa: FBT001
    """What goes over a network without encryption can be read there."""
    said = [("X-Forwarded-User", to_json(Identified(origin))), ("X-Forwarded-Proto", proto)]
    assert is_readable(make_mocked_request("GET", "/", CIMultiDict(said))) is readable


@pytest.mark.parametrize(("agent", "browser"), [("Mozilla/5.0 (X11)", True), ("curl/8", False)])
def test_browsers(agent: str, browser: bool) -> None:  # noqa: FBT001
    """Browsers are known by their name; who has none is no browser."""
    fields = CIMultiDict([("User-Agent", agent)])
    assert is_browser(make_mocked_request("GET", "/", fields)) is browser
    assert not is_browser(make_mocked_request("GET", "/"))
