"""What proves who somebody is, and for how long."""

from __future__ import annotations

import json
import pickle
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import OPEN

from opencoderouter.core.grant import EVERYBODY, PEER, Grant
from opencoderouter.core.keyring import SESSION_LIFE, Auth, Keyring, Token, digest

NOW = 1_790_000_000.0
WHOLE = Token("t1", "ci", digest("ocrt_whole").hex(), NOW)
PART = Token(
    "t2", "watch", digest("ocrt_part").hex(), NOW, "shop", read_only=True, expires=NOW + 60
)
TOKENS = {token.digest: token for token in (WHOLE, PART)}
KEYRING = Keyring("auto", digest("s3cret"), b"k" * 32, TOKENS)
PASSWORD = Grant("password", epoch=KEYRING.epoch)
HERE = ("192.0.2.9", "shop.localhost")


def seal(grant: Grant = PASSWORD, keyring: Keyring = KEYRING) -> str:
    """Begin the session ``s`` now, at ``HERE``."""
    return keyring.seal(grant, "s", *HERE, NOW)


def unseal(value: str, keyring: Keyring = KEYRING, now: float = NOW) -> Grant | None:
    """Show a session's cookie at ``HERE``."""
    return keyring.unseal(value, *HERE, now)


def forged(body: object, mac: str = "") -> str:
    """Return a cookie that says ``body``."""
    return f"{urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip('=')}.{mac}"


def test_the_password() -> None:
    """It lets its holder do everything, until there is another one."""
    assert KEYRING.judge("s3cret", NOW) == PASSWORD
    assert PASSWORD.whole


def test_tokens() -> None:
    """Each lets its holder do what it was made for."""
    assert KEYRING.judge("ocrt_whole", NOW) == Grant("token", "ci", token="t1")
    part = Grant("token", "watch", "t2", "", "shop", read_only=True, expires=NOW + 60)
    assert KEYRING.judge("ocrt_part", NOW) == part


def test_tokens_expire() -> None:
    """From the very moment on, a token is none of ours, and who came by it has to go."""
    part = PART.grant
    assert KEYRING.judge("ocrt_part", NOW + 59.9) == part
    assert KEYRING.judge("ocrt_part", NOW + 60) is None
    assert (KEYRING.holds(part, NOW + 59.9), KEYRING.holds(part, NOW + 60)) == (True, False)


@pytest.mark.parametrize(
    "secret",
    [
        *["", "s3cre", "s3cret ", " s3cret", "S3cret", "s3cret\0", "\udcff", "ü", "t1", "ci"],
        *[WHOLE.digest, digest("s3cret").hex(), KEYRING.epoch, "k" * 32],
    ],
)
def test_what_is_no_secret(secret: str) -> None:
    """Neither what is almost right, nor what stands in our files, is any good."""
    assert KEYRING.judge(secret, NOW) is None


def test_secrets_of_any_text() -> None:
    """A password may have any letters."""
    assert replace(KEYRING, password=digest("pässwörd")).judge("pässwörd", NOW) is not None


@given(st.text())
def test_without_a_password_there_is_none(secret: str) -> None:
    """An open keyring takes nothing for a secret, the empty one included; nothing is raised."""
    assert OPEN.judge(secret, NOW) is None
    assert OPEN.unseal(secret, *HERE, NOW) is None


def test_no_secret_is_shown() -> None:
    """A keyring in a log tells neither the digest of the password nor the key."""
    shown = repr(KEYRING)
    assert "kkkk" not in shown
    assert repr(KEYRING.password) not in shown


def test_a_keyring_is_a_value() -> None:
    """Workers get it as bytes; an equal one is as good."""
    copy = pickle.loads(pickle.dumps(KEYRING))  # noqa: S301 - our own
    assert copy == KEYRING
    assert unseal(seal(), copy) == unseal(seal())


@pytest.mark.parametrize(
    ("secure", "port", "name"),
    [(False, 8080, "ocr-session-8080"), (True, 443, "__Host-ocr-session-443")],
)
def test_the_name_of_the_cookie(secure: bool, port: int, name: str) -> None:  # noqa: FBT001
    """Routers on other ports of this host have others; over TLS only we can set it."""
    assert Keyring(secure=secure, port=port).cookie == name


def test_epochs() -> None:
    """Another password or key, another epoch; it tells nothing about them."""
    others = [replace(KEYRING, password=digest("x")), replace(KEYRING, key=b"x"), KEYRING]
    assert len({other.epoch for other in others}) == 3
    assert replace(KEYRING, tokens={}).epoch == KEYRING.epoch


@pytest.mark.parametrize(
    "new", [replace(KEYRING, password=digest("new")), replace(KEYRING, key=b"new")]
)
def test_a_new_password_ends_what_the_old_one_began(new: Keyring) -> None:
    """Sessions, of tokens too, and whoever came by the password; tokens stay."""
    assert not new.holds(PASSWORD, NOW)
    assert unseal(seal(), new) is None
    assert unseal(seal(WHOLE.grant), new) is None
    assert new.holds(WHOLE.grant, NOW)


@pytest.mark.parametrize(
    ("grant", "auth", "holds"),
    [
        *[(PEER, "auto", True), (PEER, "always", False), (PEER, "off", False)],
        *[(EVERYBODY, "off", True), (EVERYBODY, "auto", False), (EVERYBODY, "always", False)],
        *[(PASSWORD, "auto", True), (PASSWORD, "always", True), (WHOLE.grant, "always", True)],
        *[(replace(PASSWORD, epoch=""), "auto", False), (Grant("token"), "auto", False)],
        (replace(PASSWORD, expires=NOW), "auto", False),
        (replace(PEER, expires=NOW), "auto", False),
    ],
)
def test_who_may_stay(grant: Grant, auth: Auth, holds: bool) -> None:  # noqa: FBT001
    """Only who would be let in now for the same reason."""
    assert replace(KEYRING, auth=auth).holds(grant, NOW) is holds


def test_a_revoked_token_ends_what_it_began() -> None:
    """Who came by it has to go, and its sessions are over; others stay."""
    fewer = replace(KEYRING, tokens={PART.digest: PART})
    assert not fewer.holds(WHOLE.grant, NOW)
    assert unseal(seal(WHOLE.grant), fewer) is None
    assert fewer.holds(PART.grant, NOW)
    assert unseal(seal(PART.grant), fewer) is not None


def test_a_session() -> None:
    """It carries what began it, for a week."""
    value = seal()
    assert unseal(value) == replace(PASSWORD, session="s", expires=NOW + SESSION_LIFE)
    assert unseal(value, now=NOW + SESSION_LIFE - 1) is not None
    assert unseal(value, now=NOW + SESSION_LIFE) is None


def test_a_session_of_a_token() -> None:
    """It lets do no more than the token, and no longer."""
    assert unseal(seal(PART.grant)) == replace(PART.grant, session="s")
    assert unseal(seal(PART.grant), now=NOW + 60) is None
    assert unseal(seal(replace(WHOLE.grant, expires=0.0))) is None


def test_a_session_at_another_name_is_no_longer() -> None:
    """Who takes a session along to another name has it for as long as it was."""
    first = unseal(seal())
    assert first is not None
    again = KEYRING.seal(first, first.session, *HERE, NOW + 1000)
    assert unseal(again) == first


@pytest.mark.parametrize("grant", [PEER, EVERYBODY])
def test_who_showed_no_secret_has_no_session(grant: Grant) -> None:
    """It would be as good as the password's, and outlive the connection."""
    with pytest.raises(ValueError, match="no session"):
        seal(grant)


def test_logging_out() -> None:
    """It ends the session under every name, and whatever it has opened; others stay."""
    gone = replace(KEYRING, revoked=frozenset({"s"}))
    grant = unseal(seal())
    assert grant is not None
    assert not gone.holds(grant, NOW)
    assert unseal(seal(), gone) is None
    other = KEYRING.seal(PASSWORD, "s2", *HERE, NOW)
    assert unseal(other, gone) is not None
    assert gone.holds(PASSWORD, NOW)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        *[("192.0.2.8", HERE[1]), (HERE[0], "localhost"), (HERE[0], "admin.localhost")],
        *[("192.0.2.9#1000", HERE[1]), (HERE[0] + '", "', HERE[1]), ("", ""), HERE[::-1]],
        ("192.0.2.9shop", ".localhost"),
    ],
)
def test_a_session_stays_where_it_is(origin: str, host: str) -> None:
    """A cookie that somebody got hold of is worth nothing elsewhere, nor at another name."""
    assert KEYRING.unseal(seal(), origin, host, NOW) is None


@pytest.mark.parametrize("other", [replace(KEYRING, port=90), replace(KEYRING, secure=True)])
def test_a_session_is_of_one_router(other: Keyring) -> None:
    """Not even one with the same key takes it at another port."""
    assert unseal(seal(), other) is None


def test_sealed_is_sealed() -> None:
    """No letter of a cookie can be another one, missing, or added."""
    value = seal()
    for at in range(len(value)):
        other = "A" if value[at] != "A" else "B"
        for wrong in (value[:at] + other + value[at + 1 :], value[:at] + value[at + 1 :]):
            assert unseal(wrong) is None
    for wrong in (value + "0", "0" + value, value.upper(), value + "=", value + "." + value):
        assert unseal(wrong) is None
    assert unseal(value + "0" * 4096) is None


def test_what_is_sealed_tells_no_secret() -> None:
    """Nor can two sessions be taken apart and put together."""
    one, other = seal(), seal(WHOLE.grant)
    assert unseal(f"{one.partition('.')[0]}.{other.partition('.')[2]}") is None
    assert "s3cret" not in one
    assert PASSWORD.epoch not in one


@pytest.mark.parametrize(
    "value",
    [
        *["", ".", "..", "x", "a.b", ".." * 3000, "\udcff.\udcff", "ü.ü", "%00.x", "null.x"],
        *[forged(["s", "", NOW * 2]), forged(["s", "", NOW * 2], "0" * 64), forged(None, "x")],
        forged(["s", "", None], digest("s3cret").hex()),
    ],
)
def test_what_was_never_sealed(value: str) -> None:
    """It is worth nothing, whatever it says."""
    assert unseal(value) is None


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_no_cookie_raises(value: str) -> None:
    """Whatever a client shows."""
    assert unseal(value) is None
    assert unseal(f"{value}.{seal().partition('.')[2]}") is None
    assert KEYRING.judge(value, NOW) is None


@given(st.text(), st.text(), st.text())
def test_no_place_raises(session: str, origin: str, host: str) -> None:
    """A session can be had anywhere, and is good there."""
    grant = KEYRING.unseal(KEYRING.seal(PASSWORD, session, origin, host, NOW), origin, host, NOW)
    assert grant is not None
    assert grant.session == session
