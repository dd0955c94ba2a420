"""Names: labels and text, and what can be a name."""

from __future__ import annotations

import pytest

from opencoderouter.announce.dns.records import fits, folded, name, text


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("app.local", (b"app", b"local")),
        ("app.local.", (b"app", b"local")),
        (".", ()),
        ("", ()),
        ("Drucker Büro._ipp._tcp.local", ("Drucker Büro".encode(), b"_ipp", b"_tcp", b"local")),
    ],
)
def test_name(written: str, labels: tuple[bytes, ...]) -> None:
    """A name is its labels, with or without a dot at its end."""
    assert name(written) == labels


def test_text() -> None:
    """Labels become text again, but for those that would be others then."""
    assert text((b"app", b"local")) == "app.local"
    assert text((b"v1.0", b"local")) is None
    assert text((b"\xff", b"local")) is None


def test_folded() -> None:
    """Names are compared without the case of ASCII letters, and of these only (RFC 4343)."""
    assert folded((b"App", b"LOCAL")) == (b"app", b"local")
    assert folded(("Ä".encode(),)) == ("Ä".encode(),)


@pytest.mark.parametrize(
    ("labels", "may"),
    [
        ((b"a" * 63, b"local"), True),
        ((b"a" * 64, b"local"), False),
        ((b"", b"local"), False),
        ((b"a" * 63,) * 3 + (b"a" * 61,), True),
        ((b"a" * 63,) * 3 + (b"a" * 62,), False),
        ((), True),
    ],
)
def test_fits(labels: tuple[bytes, ...], may: bool) -> None:  # noqa: FBT001 - a table
    """A label has 63 octets at most, a name 255 (RFC 1035 section 2.3.4)."""
    assert fits(labels) is may
