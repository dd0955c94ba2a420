"""Tokens in paths and commands."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.expansion import expanded_command, expanded_path

HOST = Resolved("me@web", "10.0.0.1", "root", 2222, proxy_command="nc -X %% %h %p %r %n %q")


def test_commands() -> None:
    """ProxyCommand has five tokens; what is none stays as it is."""
    assert expanded_command(HOST) == "nc -X % 10.0.0.1 2222 root web %q"


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity files have more of them, and variables; home and user are the database's."""
    own = pwd.getpwuid(os.getuid())
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("USER", "nobody")
    monkeypatch.setenv("KEYS", "keys")
    monkeypatch.delenv("NONE", raising=False)
    path = expanded_path("~/${KEYS}/%u-%r-%h-%n-%p-%%", HOST)
    assert path == Path(own.pw_dir, f"keys/{own.pw_name}-root-10.0.0.1-web-2222-%")
    assert expanded_path("%d/.ssh/x", HOST) == Path(own.pw_dir, ".ssh/x")
    assert expanded_path(f"~{own.pw_name}/x", HOST) == Path(own.pw_dir, "x")
    assert expanded_path("/${NONE}/%C", HOST) == Path("/${NONE}/%C")


@pytest.mark.parametrize(
    ("alias", "host"),
    [
        ("web", "web"),
        ("me@web", "web"),
        ("ssh://me@web:22", "web"),
        ("ssh://me@[fe80::1]:22", "fe80::1"),
        ("fe80::1", "fe80::1"),
    ],
)
def test_hosts(alias: str, host: str) -> None:
    """``%n`` is the host as it was asked for, and ``%k``, too, unless there is a HostKeyAlias."""
    asked = replace(HOST, alias=alias)
    assert expanded_path("/%k/%n", asked) == Path("/", host, host)
    aliased = replace(asked, options={"hostkeyalias": ("pinned",)})
    assert expanded_path("/%k/%n", aliased) == Path("/pinned", host)
