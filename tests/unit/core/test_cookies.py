"""The router's cookies stay with it, and backends' with their hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.cookies import may_be_set, values, without_ours
from opencoderouter.core.headers import Fields, Headers

NAME = "ocr-session-8080"


def sent(*cookies: str) -> tuple[str, ...]:
    """Return the Cookie fields that a backend gets."""
    passed = without_ours((("A", "b"), *(("Cookie", cookie) for cookie in cookies)))
    assert passed[0] == ("A", "b")
    return tuple(value for _, value in passed[1:])


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ([], []),
        ([f"{NAME}=x"], ["x"]),
        ([f"a=1; {NAME}=x.y=z;b=2"], ["x.y=z"]),
        ([f"{NAME}=x; {NAME}=y", f"{NAME}=z"], ["x", "y", "z"]),
        ([f"  {NAME} = x ;"], [" x"]),
        ([f"{NAME}"], [""]),
        (["OCR-session-8080=x; ocr-session-80=y; xocr-session-8080=z; =ocr-session-8080=u"], []),
        ([f'a="; {NAME}=x"'], ['x"']),
    ],
)
def test_values(cookies: list[str], found: list[str]) -> None:
    """All of the name, in their order: of several one may be somebody else's."""
    assert values([("cOOkie", cookie) for cookie in cookies], NAME) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        (f"{NAME}=x", ()),
        (f"a=1; {NAME}=x; b=2", ("a=1; b=2",)),
        (f"a=1;{NAME}=x;b=2", ("a=1; b=2",)),
        (f"{NAME}=x; {NAME}=y; ocr-session-9090=z", ()),
        ("__Host-ocr-session-443=x; a=1", ("a=1",)),
        ("__host-OCR-Session-443=x; a=1", ("a=1",)),
        ("OCR-SESSION-8080=x; a=1", ("a=1",)),
        (f"={NAME}=x; a=1", ("a=1",)),
        (f"\t{NAME} =x; a=1", ("a=1",)),
        (f"\v= {NAME}=x; a=1", ("a=1",)),
        (NAME, ()),
        ("ocr-session-", ()),
    ],
)
def test_ours_never_travel(cookie: str, kept: tuple[str, ...]) -> None:
    """Nor do those of other routers on this host, or what may be taken for one."""
    assert sent(cookie) == kept


@pytest.mark.parametrize(
    "cookie", ["", "a=1", "a=1;b=2;", " a = 1 ;; b", "xocr-session-8080=1", "a=ocr-session-8080=x"]
)
def test_others_stay_as_they_are(cookie: str) -> None:
    """Byte for byte, beside a field that has one of ours, too."""
    assert sent(cookie) == (cookie,)
    assert sent(f"{NAME}=x", cookie) == ((cookie,) if cookie else ())


def test_fields_without_ours_are_the_same() -> None:
    """Nothing is copied where nothing is taken away."""
    fields = Fields((("Cookie", "a=1"),))
    assert without_ours(fields) is fields


@pytest.mark.parametrize(
    "cookie",
    [
        *["a=1", "a=", "a=1; Path=/; HttpOnly; SameSite=Strict", "a=1; Domains=x", "a=1; X=domain"],
        *["__Host-a=1; Secure; Path=/", "xocr-session-8080=1", "a=Domain=x", "a b=1"],
    ],
)
def test_a_backend_may_set(cookie: str) -> None:
    """What stays with its own host, and is no router's."""
    assert may_be_set(cookie)


@pytest.mark.parametrize(
    "cookie",
    [
        *["a=1; Domain=localhost", "a=1;domain=alice.local", "a=1; DOMAIN = x", "a=1; Domain"],
        *["a=1; Domain=", "a=1; Path=/; Domain=.localhost", "a=1;\tDomain\t=x"],
        *[f"{NAME}=x", f" {NAME}=x", f"{NAME} =x", "OCR-Session-8080=x", "ocr-session-=x"],
        *["__Host-ocr-session-8080=x", "__HOST-ocr-session-8080=x", f"\t{NAME}=x"],
        *["", "=", "a", "=a", f"={NAME}=x", f"={NAME}", NAME, "; a=1", " = x", "\t=x"],
        *["=__Host-ocr-session-8080=x"],
    ],
)
def test_a_backend_may_not_set(cookie: str) -> None:
    """What other hosts get as well, what replaces a session, and what has no name."""
    assert not may_be_set(cookie)


COOKIE = st.lists(
    st.sampled_from([NAME, "__Host-", "=", ";", " ", "\t", "a", "1", "ocr-session-1", "OCR", ","])
    | st.text(max_size=3)
).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["Cookie", "cookie", "A"]), COOKIE)))
def test_no_session_gets_through(pairs: list[tuple[str, str]]) -> None:
    """Whatever else is beside it; what gets through is as it was after another look."""
    headers: Headers = tuple(pairs)
    passed = without_ours(headers)
    assert values(passed, NAME) == []
    assert without_ours(passed) == passed
    assert [v for k, v in passed if k == "A"] == [v for k, v in pairs if k == "A"]


@given(COOKIE)
def test_what_may_be_set_comes_back(cookie: str) -> None:
    """What a backend may set is no cookie that is kept from it."""
    pair = cookie.partition(";")[0].strip()
    if may_be_set(cookie):
        assert sent(pair) == (pair,)
