"""Tests of what nobody else should read."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.doctor.mask import masker

HOME = Path("/home/me")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see /home/me/x", "see ~/x"),
        ("/home/me", "~"),
        ("PATH=/usr/bin:/home/me/bin", "PATH=/usr/bin:~/bin"),
        ("/home/me2/x /home/me.old /data/home/me/x", "/home/me2/x /home/me.old /data/home/me/x"),
        ("chmod go= '/home/me/my files/x'", "chmod go= ~/'my files/x'"),
        ("token ocrt_AbC-12_3xyz ends", "token *** ends"),
        ("Authorization: Basic b2M6cHc=", "Authorization: ***"),
        ("'authorization': 'Bearer abc.def'", "'authorization': '***'"),
        ("curl -H 'X: Bearer abcdefgh12'", "curl -H 'X: Bearer ***'"),
        ("Cookie: ocr=1; b=2", "Cookie: ***"),
        ("http://me:geheim@host:1/x", "http://***@host:1/x"),
        ("https://token@host/", "https://***@host/"),
        ("OPENAI_API_KEY=abc123 next", "OPENAI_API_KEY=*** next"),
        ('{"password": "two words", "a": 1}', '{"password": ***, "a": 1}'),
        ("key sk-proj-0123456789abcdef", "key ***"),
        ("drawn: zebra-eleven!", "drawn: ***!"),
        ("my own: tell-nobody.", "my own: ***."),
        (
            "--password-file ~/x and `ocr-router password`",
            "--password-file ~/x and `ocr-router password`",
        ),
        ("auth=off port=8080", "auth=off port=8080"),
        (
            "x.toml: password: others can read the file",
            "x.toml: password: others can read the file",
        ),
        ("OCR_PASSWORD: must be 8 characters", "OCR_PASSWORD: must be 8 characters"),
        ("OCR_PASSWORD: mustbe8 characters", "OCR_PASSWORD: *** characters"),
        ('"password": "must be x"', '"password": ***'),
        ("X=http://[USER:PASSWORD@]HOST:PORT", "X=http://[USER:PASSWORD@]HOST:PORT"),
        (
            "wants a password: --backend NAME=http://USER:PASSWORD@HOST:PORT",
            "wants a password: --backend NAME=http://USER:PASSWORD@HOST:PORT",
        ),
    ],
)
def test_masked(text: str, shown: str) -> None:
    """Secrets are gone, the home directory is ``~``; all else, and what looks alike, stays."""
    mask = masker(
        HOME, {"OCR_PASSWORD": "tell-nobody", "PASSWORD_FILE": "auth=off"}, ["zebra-eleven"]
    )
    assert mask(text) == shown


def test_the_longest_secret_first() -> None:
    """One secret within another leaves nothing of the longer one."""
    assert masker(HOME, {}, ["abcd", "abcd-efgh"])("x abcd-efgh x") == "x *** x"


@pytest.mark.parametrize("home", ["/", ".", "~"])
def test_no_home(home: str) -> None:
    """Where the home directory is no real one, paths stay as they are."""
    assert masker(Path(home), {})("/etc/x ./y") == "/etc/x ./y"


def test_a_short_value_is_no_secret() -> None:
    """A variable that holds ``1`` must not take every 1 out of the report."""
    assert masker(HOME, {"API_TOKEN": "1"})("port 8081") == "port 8081"
