"""Who is let in, and what of what they show goes no further."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import LET_IN

from opencoderouter.core.admission import Admission, admit
from opencoderouter.core.basic import basic
from opencoderouter.core.grant import EVERYBODY, PEER, Caller, Grant
from opencoderouter.core.headers import Headers
from opencoderouter.core.keyring import SESSION_LIFE, Auth, Keyring, Token, digest

NOW = 1_790_000_000.0
TOKEN = Token("t1", "ci", digest("ocrt_x").hex(), NOW, "shop", expires=NOW + 60)
KEYRING = Keyring("auto", digest("s3cret"), b"k" * 32, {TOKEN.digest: TOKEN})
PASSWORD = Grant("password", epoch=KEYRING.epoch)
STRANGER = Caller("192.0.2.9")
OTHER = Caller("127.0.0.1", 1001)
ME = Caller("127.0.0.1", 1000, free=True)
HOST = ("Host", "shop.localhost:8080")
OURS = basic("opencode", "s3cret")


def ask(
    *fields: tuple[str, str],
    caller: Caller = STRANGER,
    target: str = "/x",
    auth: Auth = "auto",
    held: float = 0.0,
    now: float = NOW,
) -> Admission:
    """Ask to be let in."""
    return admit(target, (HOST, *fields), caller, replace(KEYRING, auth=auth), now, held=held)


def shown(value: str) -> tuple[str, str]:
    """Return the field that shows a secret."""
    return ("Authorization", value)


def cookie(
    caller: Caller, host: str = "shop.localhost", name: str = KEYRING.cookie
) -> tuple[str, str]:
    """Return the cookie of a session that began now."""
    return ("Cookie", f"a=1; {name}={KEYRING.seal(PASSWORD, 's', caller.origin, host, NOW)}; b=2")


SESSION = replace(PASSWORD, session="s", expires=NOW + SESSION_LIFE)


@pytest.mark.parametrize("caller", [STRANGER, OTHER, Caller("::1"), Caller("127.0.0.1", 0)])
def test_nobody_in_particular(caller: Caller) -> None:
    """Whoever shows nothing and is not our own user stays out; that is no failure."""
    assert ask(caller=caller) == Admission()
    assert Admission().grant is None


@pytest.mark.parametrize("caller", [STRANGER, OTHER, ME])
@pytest.mark.parametrize("auth", ["auto", "always"])
@pytest.mark.parametrize(
    ("value", "grant"),
    [
        (OURS, PASSWORD),
        (OURS.replace("Basic", "bAsIC"), PASSWORD),
        ("Bearer s3cret", PASSWORD),
        ("BEARER   s3cret ", PASSWORD),
        ("Bearer ocrt_x", TOKEN.grant),
        (basic("opencode", "ocrt_x"), TOKEN.grant),
    ],
)
def test_secrets(value: str, grant: Grant, caller: Caller, auth: Auth) -> None:
    """Each is good from anywhere, for what it lets do: no more, even for our own user."""
    assert ask(shown(value), caller=caller, auth=auth) == Admission(grant, spent=True)


@pytest.mark.parametrize(
    "value",
    [
        *[
            "Bearer wrong",
            "Bearer",
            "Bearer ",
            "bearer s3cret x",
            "Bearer s3cret,",
            "Bearer \udcff",
        ],
        *[basic("opencode", "wrong"), basic("opencode", ""), f"Bearer {TOKEN.digest}"],
        basic("opencode", "s3cret:"),
    ],
)
@pytest.mark.parametrize("auth", ["auto", "always"])
def test_wrong_secrets(value: str, auth: Auth) -> None:
    """A secret that is none lets nobody in, and is a failure."""
    assert ask(shown(value), auth=auth) == Admission(failed=True)


@pytest.mark.parametrize(
    "value",
    [
        *["", " ", "s3cret", "Basic", "Basic s3cret", "Digest username=opencode", "Basic !!!"],
        *[basic("admin", "wrong"), basic("", "wrong"), "Bearers3cret2", "Basic \udcff"],
    ],
)
def test_what_is_no_try(value: str) -> None:
    """Credentials that are not ours by their form let nobody in, and are no failure either."""
    assert ask(shown(value)) == Admission()


@pytest.mark.parametrize(
    "value",
    [
        *[basic("admin", "s3cret"), basic("", "s3cret"), basic("OpenCode", "ocrt_x")],
        *[f"{OURS}=", OURS.replace("Basic ", "Basic  ") + "="],
        *["Token s3cret", "Token " + OURS.partition(" ")[2]],
    ],
)
def test_our_secret_in_another_form(value: str) -> None:
    """It lets nobody in, but it does not travel either."""
    assert ask(shown(value)) == Admission()
    assert ask(shown(value), caller=ME) == Admission(PEER, spent=True)
    assert ask(shown(value), auth="off") == Admission(EVERYBODY, spent=True)


def test_a_token_that_is_over() -> None:
    """It is a secret that is none."""
    value = shown("Bearer ocrt_x")
    assert ask(value, now=NOW + 60) == Admission(failed=True)


def test_our_own_user() -> None:
    """On this machine they come in free, unless a password is always wanted."""
    assert ask(caller=ME) == Admission(PEER)
    assert ask(caller=ME, auth="always") == Admission()


def test_off() -> None:
    """Everybody may do everything; what is ours does not travel all the same."""
    assert ask(auth="off") == LET_IN
    assert ask(shown("Bearer wrong"), auth="off", held=9.0) == LET_IN
    assert ask(shown(OURS), auth="off") == Admission(EVERYBODY, spent=True)
    assert ask(shown("Bearer ocrt_x"), auth="off") == Admission(EVERYBODY, spent=True)


def test_credentials_of_a_backend() -> None:
    """Who is let in for another reason may show what is no secret of ours: that is no failure."""
    theirs = shown(basic("opencode", "theirs"))
    assert ask(theirs, caller=ME) == Admission(PEER)
    assert ask(theirs, cookie(STRANGER)) == Admission(SESSION)


@pytest.mark.parametrize(
    "name",
    [
        *["Forwarded", "Via", "X-Real-IP", "x-forwarded-for", "X-FORWARDED-HOST", "X-Forwarded"],
        *["X-Forwarded-Proto", "X-Forwarded-Anything"],
    ],
)
def test_who_stands_behind_another_proxy(name: str) -> None:
    """Our own user's tunnel does not make its clients our own user, however it says so."""
    for value in ("203.0.113.1", ""):
        assert ask((name, value), ("Connection", name), caller=ME) == Admission()
    assert ask((name, "203.0.113.1"), shown(OURS), caller=ME).grant == PASSWORD
    assert ask((name, "x"), cookie(ME), caller=ME).grant == SESSION


@pytest.mark.parametrize(
    ("host", "metadata", "free"),
    [
        *[("localhost:8080", False, True), ("shop.localhost", False, True)],
        *[("127.0.0.1", False, True), ("[::1]:8080", False, True), ("LOCALHOST.", False, True)],
        *[("box", False, False), ("shop-alice.local", False, False), ("xlocalhost", False, False)],
        *[("192.0.2.7", False, False), ("localhost.evil.org", False, False), ("", False, False)],
        *[("127.0.0.1.evil.org", False, False), ("box", True, True)],
        ("shop-alice.local:8080", True, True),
    ],
)
def test_a_browser_that_does_not_say_who_asks(host: str, metadata: bool, free: bool) -> None:  # noqa: FBT001
    """At names that it does not trust anybody's page could ask: our own user logs in there."""
    fields: Headers = (("Host", host), ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"))
    if metadata:
        fields = (*fields, ("Sec-Fetch-Site", "same-origin"))
    assert admit("/", fields, ME, KEYRING, NOW) == Admission(PEER if free else None)
    program: Headers = (("Host", host), ("User-Agent", "opencode/1.18.33"))
    assert admit("/", program, ME, KEYRING, NOW) == Admission(PEER)


@pytest.mark.parametrize("caller", [STRANGER, OTHER])
def test_a_session(caller: Caller) -> None:
    """A cookie lets in who got it, at the name that it was got for."""
    assert ask(cookie(caller), caller=caller) == Admission(SESSION)
    assert ask(cookie(caller), caller=caller, auth="always") == Admission(SESSION)
    port = admit("/", (("Host", "Shop.Localhost.:1"), cookie(caller)), caller, KEYRING, NOW)
    assert port.grant == SESSION


@pytest.mark.parametrize(
    ("field", "caller"),
    [
        *[(cookie(OTHER), STRANGER), (cookie(STRANGER), OTHER), (cookie(OTHER), Caller("::1"))],
        (cookie(OTHER), Caller("127.0.0.1")),
        (cookie(OTHER), Caller("127.0.0.1", 1002)),
        (cookie(STRANGER, "localhost"), STRANGER),
        (cookie(STRANGER, name="ocr-session-9090"), STRANGER),
        (cookie(STRANGER, name="__Host-ocr-session-8080"), STRANGER),
        (("Cookie", f"{KEYRING.cookie}=x.y"), STRANGER),
    ],
)
def test_a_session_of_others(field: tuple[str, str], caller: Caller) -> None:
    """A cookie is of no use to another user, address or name; it is no failure."""
    assert ask(field, caller=caller) == Admission()


def test_a_cookie_in_front_of_ours() -> None:
    """Somebody else's cookie of the same name does not hide ours."""
    bad = ("Cookie", f"{KEYRING.cookie}=bad; {KEYRING.cookie}=a.b")
    assert ask(bad, cookie(STRANGER)).grant == SESSION


def test_a_session_without_a_name() -> None:
    """Where nobody can tell which host is meant there is no session."""
    for hosts in ((), (("Host", "a b"),), (("Host", ""),)):
        assert admit("/", (*hosts, cookie(STRANGER, "")), STRANGER, KEYRING, NOW) == Admission()


def test_a_secret_comes_before_a_session() -> None:
    """Who shows a token is what the token says, whatever else they could be."""
    fields = (shown("Bearer ocrt_x"), cookie(ME))
    assert ask(*fields, caller=ME) == Admission(TOKEN.grant, spent=True)


@pytest.mark.parametrize("value", [OURS, "Bearer s3cret", "Bearer wrong"])
def test_held(value: str) -> None:
    """After too many failures the right password is as good as a wrong one: not looked at."""
    assert ask(shown(value), held=8.0) == Admission(held=8.0)


def test_others_are_not_held() -> None:
    """Whoever needs no password gets in, and who shows none is only asked for it."""
    assert ask(held=8.0) == Admission()
    assert ask(shown("Bearer ocrt_x"), held=8.0).grant == TOKEN.grant
    assert ask(shown(OURS), cookie(STRANGER), held=8.0) == Admission(SESSION, spent=True)
    assert ask(shown(OURS), caller=ME, held=8.0) == Admission(PEER, spent=True)
    assert ask(shown(basic("admin", "x")), held=8.0) == Admission()


B64 = b64encode(b"opencode:s3cret").decode()


@pytest.mark.parametrize("name", ["auth_token", "auth%5Ftoken", "%61uth_token"])
@pytest.mark.parametrize(
    "value",
    [
        *[B64, B64.replace("c", "%63"), B64.replace("=", "%3D"), f"{B64[:4]}%0a{B64[4:]}"],
        *[f"{B64[:4]}%0D%0A{B64[4:]}", B64.rstrip("="), f"{B64}#x", f"{B64}%00", "s3cret"],
        *[b64encode(b"admin:s3cret").decode(), b64encode(b":ocrt_x").decode(), "ocrt_x"],
    ],
)
def test_our_secret_in_a_query(name: str, value: str) -> None:
    """It lets nobody in, for addresses are logged and shared; and it does not travel."""
    target = f"/x?a=1&{name}={value}"
    assert ask(target=target) == Admission()
    assert ask(target=target, caller=ME) == Admission(PEER, token_spent=True)
    assert ask(target=target, auth="off") == Admission(EVERYBODY, token_spent=True)


@pytest.mark.parametrize(
    "query",
    [
        *["", "auth_token", "auth_token=", "auth_token=x", f"AUTH_TOKEN={B64}", f"token={B64}"],
        *[f"auth_token={b64encode(b'opencode:theirs').decode()}", "auth_token=%ff%zz"],
    ],
)
def test_credentials_of_a_backend_in_a_query(query: str) -> None:
    """What is no secret of ours is the backend's business."""
    assert ask(target=f"/x?{query}", caller=ME) == Admission(PEER)


def test_the_second_of_two_is_seen() -> None:
    """Which of them the backend reads does not matter."""
    assert ask(target=f"/x?auth_token=eDp5&auth_token={B64}", caller=ME).token_spent


@given(st.sampled_from(["s3cret", "ocrt_x"]), st.text(), st.booleans(), st.integers(0, 40))
def test_no_spelling_hides_a_secret(secret: str, user: str, url: bool, at: int) -> None:  # noqa: FBT001
    """Whoever's it is said to be, and however base64 is written."""
    raw = f"{user.replace(':', '')}:{secret}".encode("utf-8", "replace")
    spelled = b64encode(raw, b"-_" if url else None).decode()
    cut = f"{spelled[:at]}\n{spelled[at:]}"
    assert ask(shown(f"Basic {spelled.rstrip('=')}"), caller=ME).spent
    quoted = cut.replace("\n", "%0A").replace("+", "%2B")
    assert ask(target=f"/?auth_token={quoted}", caller=ME).token_spent


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "Cookie", "Host", "Via", "User-Agent"]) | st.text(),
            st.text() | st.text().map("Basic ".__add__) | st.text().map("Bearer ".__add__),
        )
    ),
    st.text(),
)
def test_nobody_gets_in_by_chance(fields: list[tuple[str, str]], target: str) -> None:
    """Whatever a stranger sends, nothing is raised and nothing is granted."""
    for caller in (STRANGER, OTHER):
        assert admit(target, tuple(fields), caller, KEYRING, NOW).grant is None
    assert admit(target, tuple(fields), ME, KEYRING, NOW).grant in {None, PEER}


def weak(project: str | None = "shop", *, read_only: bool = False) -> tuple[Keyring, Grant]:
    """Return a keyring with a session's grant that is not whole."""
    token = Token("t2", "weak", digest("ocrt_w").hex(), NOW, project, read_only=read_only)
    return replace(KEYRING, tokens={token.digest: token}), token.grant


@pytest.mark.parametrize("read_only", [True, False])
def test_guesses_of_who_may_do_less(read_only: bool) -> None:  # noqa: FBT001 - both of it
    """A session of a token lets nobody guess the password for nothing, nor tell a backend of it."""
    keyring, grant = weak(read_only=read_only)
    value = keyring.seal(grant, "s", STRANGER.origin, "shop.localhost", NOW)
    session = ("Cookie", f"{keyring.cookie}={value}")
    for secret, failed in (("guess", True), ("ocrt_w", False)):
        headers = (HOST, session, shown(f"Bearer {secret}"))
        found = admit("/x?auth_token=eA==", headers, STRANGER, keyring, NOW)
        assert (found.failed, found.spent) == (failed, True)
        assert found.grant is not None
        assert found.grant.token == "t2"
    held = admit("/x", (HOST, session, shown("Bearer s3cret")), STRANGER, keyring, NOW, held=5.0)
    assert (held.grant is not None, held.failed, held.spent) == (True, False, True)
    assert held.grant != PASSWORD


def test_few_cookies_are_looked_at() -> None:
    """Anybody can send thousands, and each costs: one of the first is ours, or none."""
    name, value = (
        KEYRING.cookie,
        KEYRING.seal(PASSWORD, "s", STRANGER.origin, "shop.localhost", NOW),
    )
    for before, grant in ((3, SESSION), (4, None)):
        field = "; ".join([*[f"{name}=x"] * before, f"{name}={value}"])
        assert ask(("Cookie", field)).grant == grant
    for odd in (f"{value}0", f"{'a' * 2000}.{'0' * 64}", "." + "0" * 64, ""):
        assert ask(("Cookie", f"{name}={odd}")).grant is None


def test_few_tokens_are_looked_at() -> None:
    """Of more than a few none goes on to a backend."""
    assert not ask(caller=ME, target="/x?" + "&".join(["auth_token=eA=="] * 4)).token_spent
    assert ask(caller=ME, target="/x?" + "&".join(["auth_token=eA=="] * 5)).token_spent


@pytest.mark.parametrize("value", ["s3cret", "Bearer s3cret,", "Basic s3cret\r", "s3cret,"])
def test_a_secret_that_is_badly_said(value: str) -> None:
    """What hands and shells leave around it does not take it on to a backend."""
    assert ask(shown(value), caller=ME).spent


def test_a_shell_that_adds_a_line() -> None:
    """`echo` ends what it encodes with a new line."""
    token = b64encode(b"opencode:s3cret\n").decode()
    assert ask(caller=ME, target=f"/x?auth_token={token}").token_spent
