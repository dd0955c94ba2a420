"""Tokens in paths and commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.expansion import expanded_command, expanded_path

HOST = Resolved("me@web", "10.0.0.1", "root", 2222, proxy_command="nc -X %% %h %p %r %n %q")


def test_commands() -> None:
    """ProxyCommand has five tokens; what is none stays as it is."""
    assert expanded_command(HOST) == "nc -X % 10.0.0.1 2222 root web %q"


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity files have more of them, the home directory, and variables."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("KEYS", "keys")
    monkeypatch.delenv("NONE", raising=False)
    path = expanded_path("~/${KEYS}/%u-%r-%h-%n-%p-%%", HOST)
    assert path == Path("/home/me/keys/me-root-10.0.0.1-web-2222-%")
    assert expanded_path("%d/.ssh/x", HOST) == Path("/home/me/.ssh/x")
    assert expanded_path("/${NONE}/%C", HOST) == Path("/${NONE}/%C")
