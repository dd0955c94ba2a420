"""Tests of what may be cloned."""

from __future__ import annotations

import pytest
from tests.rig.corpus import URLS

from opencoderouter.core.fleet.clone import clone, refusal, usual_target


@pytest.mark.parametrize("url", URLS)
def test_refused(url: str) -> None:
    """What git must not be given is refused, with a reason."""
    assert refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.test/team/repo.git",
        "https://example.test:8443/repo",
        "http://example.test/repo",
        "ssh://git@example.test:2222/repo.git",
        "git://example.test/repo",
        "file:///srv/git/repo.git",
        "/srv/git/my repo.git",
        "git@example.test:team/repo.git",
        "git@example.test:repo.git",
        "example.test:~/repo",
        "git@[::1]:repo.git",
    ],
)
def test_taken(url: str) -> None:
    """Addresses of repositories are taken."""
    assert refusal(url) == ""


def test_secrets_are_not_repeated() -> None:
    """The reason does not say the secret again."""
    assert "secret" not in refusal("https://user:secret@host/repo.git")


def test_script() -> None:
    """URL and directory are variables of the script; git gets them behind `--`."""
    text = clone("git@host:it's.git", "~/a b").decode()
    assert "url='git@host:it'\"'\"'s.git'\n" in text
    assert "target='~/a b'\n" in text
    assert 'git clone --progress -- "$url"' in text


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.test/team/repo.git", "~/repo"),
        ("https://example.test/team/repo/", "~/repo"),
        ("git@example.test:repo.git", "~/repo"),
        ("/srv/git/my repo.git", "~/my repo"),
        ("https://example.test/..", ""),
        ("https://example.test/.git", ""),
        ("https://example.test/-rf", ""),
        ("", ""),
    ],
)
def test_usual_target(url: str, target: str) -> None:
    """The directory is called as git would call it; what would be no good name is none."""
    assert usual_target(url) == target
