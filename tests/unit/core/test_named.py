"""What ``--backend NAME=URL`` means."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.basic import basic
from opencoderouter.core.named import Clash, Named, is_local, parse_backend, reserve


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("shop=http://box:4096", Named("shop", "box", 4096)),
        ("shop=http://box:4096/", Named("shop", "box", 4096)),
        ("shop=HTTP://Box.Example:1", Named("shop", "box.example", 1)),
        ("my-shop=http://192.0.2.1:65535", Named("my-shop", "192.0.2.1", 65535)),
        ("shop=http://[2001:db8::1]:80", Named("shop", "2001:db8::1", 80)),
        ("shop=http://a_b-1:80", Named("shop", "a_b-1", 80)),
        ("shop=http://u:p@box:80", Named("shop", "box", 80, basic("u", "p"))),
        ("shop=http://u:p=%40%3A%2f@box:80", Named("shop", "box", 80, basic("u", "p=@:/"))),
        ("shop=http://u:%C3%A4@box:80", Named("shop", "box", 80, basic("u", "ä"))),
    ],
)
def test_parse(text: str, server: Named) -> None:
    """A name, a host, a port, and credentials if there are any."""
    assert parse_backend(text) == server


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "NAME="),
        ("http://u:secret@box:80", "NAME="),
        ("shop=", "http://"),
        ("shop=box:80", "http://"),
        ("shop=https://u:secret@box:80", "https is not possible"),
        ("shop=http://u:secret@box", "PORT"),
        ("shop=http://u:secret@box:0", "PORT"),
        ("shop=http://u:secret@box:65536", "PORT"),
        ("shop=http://u:secret@box:٣", "PORT"),
        ("shop=http://u:secret@box:80/path", "without a path"),
        ("shop=http://u:secret@box:80?x", "without a path"),
        ("shop=http://u:secret@box:80#x", "without a path"),
        ("shop=http://secret@box:80", "USER:PASSWORD"),
        ("shop=http://secret:@box:80", "USER:PASSWORD"),
        ("shop=http://:secret@box:80", "USER:PASSWORD"),
        ("shop=http://u:secret@x@box:80", "USER:PASSWORD"),
        ("shop=http://u:secret@:80", "HOST"),
        ("shop=http://u:secret@-box:80", "HOST"),
        ("shop=http://u:secret@bo x:80", "HOST"),
        ("shop=http://u:secret@box:80\n", "HOST"),
        ("shop=http://u:secret%ff@box:80", "UTF-8"),
        ("shop=http://u%3Ax:secret@box:80", "colon"),
        ("Shop=http://u:secret@box:80", "a-z"),
        ("api=http://u:secret@box:80", "a-z"),
        ("=http://u:secret@box:80", "a-z"),
        ("sh--op=http://u:secret@box:80", "a-z"),
    ],
)
def test_anything_else_is_told(text: str, word: str) -> None:
    """The message says what is wrong, and repeats nothing of what may be a password."""
    with pytest.raises(ValueError, match=word) as error:
        parse_backend(text)
    assert "secret" not in str(error.value)


@given(st.text() | st.text("shop=http://:@[]%1a/").map("shop=http://u:p@".__add__))
def test_no_other_error(text: str) -> None:
    """Whatever the text, it is a server or a ValueError."""
    with suppress(ValueError):
        server = parse_backend(text)
        again = parse_backend(f"{server.name}={server.origin}")
        assert again == replace(server, authorization=None)


def test_what_others_may_see() -> None:
    """Neither the shown form nor the representation nor the directory has the credentials."""
    server = parse_backend("shop=http://alice:secret@[::1]:4096")
    assert server.shown == "shop=http://***@[::1]:4096"
    assert parse_backend("shop=http://box:4096").shown == "shop=http://box:4096"
    assert server.directory("/home/alice/shop") == "http://[::1]:4096/home/alice/shop"
    for text in (repr(server), server.directory(), server.origin):
        assert "secret" not in text
        assert basic("alice", "secret") not in text


def test_no_local_directory_is_meant() -> None:
    """A named server's directory is no path of this machine."""
    assert not is_local(Named("shop", "box", 1).directory("/srv/shop"))
    assert is_local("/srv/shop")


def test_reserve() -> None:
    """Each server has its name beside those that directories have."""
    servers = [Named("shop", "box", 1), Named("blog", "box", 2)]
    assert reserve({"/srv/app": "app"}, servers, limit=20) == {
        "/srv/app": "app",
        "http://box:1": "shop",
        "http://box:2": "blog",
    }


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        (["app=http://u:secret@box:1"], "app is the name of /srv/app; choose another"),
        (["a=http://x:1", "a=http://y:2"], "a is the name of http://x:1; choose another"),
        (["a=http://u:secret@x:1", "b=http://u:secret@x:1"], "it is a already"),
        (["abcdef=http://x:1"], "5 characters at most"),
    ],
)
def test_clashes(servers: list[str], words: str) -> None:
    """A name that is taken, a server that is there twice: told, without a password."""
    with pytest.raises(Clash, match=words) as error:
        reserve({"/srv/app": "app"}, map(parse_backend, servers), limit=5)
    assert str(error.value).startswith("--backend ")
    assert "secret" not in str(error.value)
