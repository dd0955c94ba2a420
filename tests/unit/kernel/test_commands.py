"""Command lines: which are OpenCode's, and what they serve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Kind
from opencoderouter.kernel.commands import opencode_kind, serving

SERVE, WEB, ACP, TUI = Kind.SERVE, Kind.WEB, Kind.ACP, Kind.TUI


@pytest.mark.parametrize(
    ("line", "comm", "kind"),
    [
        ("opencode serve", "opencode", SERVE),
        ("/usr/lib/node_modules/opencode-ai/bin/opencode.exe web --port 1", "opencode", WEB),
        ("/home/a/.opencode/bin/opencode acp --cwd serve", "opencode", ACP),
        ("node /usr/bin/opencode serve --port 4096", "node", SERVE),
        ("/usr/bin/bun /x/opencode web", "bun", WEB),
        ("/bin/sh /x/opencode serve", "opencode", SERVE),
        ("launcher serve", "opencode", SERVE),
        ("opencode --print-logs serve", "opencode", SERVE),
        ("opencode --log-level web serve", "opencode", SERVE),
        ("opencode --log-level=DEBUG serve", "opencode", SERVE),
        ("opencode --port 4096 --hostname acp serve", "opencode", SERVE),
        ("opencode", "opencode", TUI),
        ("opencode --port 4096", "opencode", TUI),
        ("opencode /srv/app --port 4096", "opencode", TUI),
        ("opencode -m acp -c", "opencode", TUI),
        ("opencode --prompt", "opencode", TUI),
        ("opencode ./serve", "opencode", TUI),
        ("opencode attach http://localhost:4096", "opencode", None),
        ("opencode run serve", "opencode", None),
        ("opencode session list", "opencode", None),
        ("vim opencode serve.md", "vim", None),
        ("vim opencode serve", "vim", None),
        ("cat /x/opencode", "cat", None),
        ("node server.js opencode serve", "node", None),
        ("node", "node", None),
        ("ssh host opencode serve", "ssh", None),
        ("bash -c opencode\\ serve", "bash", None),
        ("opencode-proxy serve", "opencode-proxy", None),
        ("/srv/opencode/bin/python serve", "python", None),
        ("", "kworker/0:1", None),
        ("", "opencode", None),
    ],
)
def test_kind(line: str, comm: str, kind: Kind | None) -> None:
    """The program must be OpenCode; then its first word says what it serves."""
    assert opencode_kind(line.split(), comm) is kind


def test_what_is_started_here_is_opencode() -> None:
    """The arguments that servers are started with serve on loopback, on the port."""
    assert serving(30001) == ("serve", "--hostname", "127.0.0.1", "--port", "30001")
    assert opencode_kind(("opencode", *serving(30001)), "opencode") is SERVE


@given(st.lists(st.text()), st.text())
def test_never_raises(argv: list[str], comm: str) -> None:
    """Processes may call themselves anything."""
    opencode_kind(argv, comm)
