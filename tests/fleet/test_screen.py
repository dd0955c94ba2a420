"""The real program in a real terminal, with real SSH hosts and real OpenCode on them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.armada import Armada
from tests.rig.crew import Crew
from tests.rig.sessions import prompt
from tests.rig.ships import PASSWORD
from tests.rig.tmux import Tmux, tmux
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.sshd, pytest.mark.timeout(180)]

CONFIGURATION = """
polling: {{interval: 2s, jitter: 0s, timeout: 60s}}
cache: {{persist: false}}
hosts: {{local: false, include: [{hosts}]}}
ssh: {{config: {config}, control_path: {folder}/%C}}
display: {{animation: false}}
"""
ASKING = '{"permission": {"bash": "ask"}}'


@pytest.fixture(scope="module")
def server(armada: Armada, crew: Crew) -> str:
    """Return the URL of a server on a host, which asks before it runs a command."""
    directory = crew.project("dan", "screen")
    armada.inside("dan", f"printf %s {shlex.quote(ASKING)} >{directory}/opencode.json")
    return crew.serve("dan", directory)


@pytest.fixture
def window(armada: Armada, tmp_path: Path) -> Iterator[Tmux]:
    """Yield a terminal, 100 by 30, with a home of its own."""
    environment = {**armada.environment, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    with tmux(tmp_path / "tmux", environment) as opened:
        yield opened


def start(window: Tmux, armada: Armada, folder: Path, hosts: str) -> None:
    """Run the program with these hosts."""
    file = folder / "remote-tui.yaml"
    file.write_text(CONFIGURATION.format(hosts=hosts, config=armada.config, folder=folder))
    ocr = str(Path(sys.executable).with_name("ocr"))
    window.run(f"clear; {shlex.join([ocr, '--config', str(file)])}; echo LEFT=$?")
    window.wait_for("OpenCode fleet")


def select(window: Tmux, title: str) -> None:
    """Search for a session, and select it."""
    window.wait_for("1/1 host ")
    window.press("/")
    window.wait_for("to the tree")
    window.type(title)
    until(lambda: title in "\n".join(window.screen().splitlines()[1:]), what=window.screen)
    window.press("Enter")
    until(lambda: "to the tree" not in window.screen(), what=window.screen)
    window.press("End")  # below the host is the project, below that the session
    window.wait_for(" attach ")


def named(server: str, title: str) -> str:
    """Return the id of a new session with a title that is to be found."""
    return str(http.post(f"{server}session", {"title": title})["id"])


def test_attach(window: Tmux, armada: Armada, tmp_path: Path, server: str) -> None:
    """Enter attaches the terminal to the session; leaving it leaves to the tree."""
    session = named(server, "quokka")
    prompt(server, session, "wombat", model="echo")
    until(lambda: len(http.get(f"{server}session/{session}/message")) > 1)
    start(window, armada, tmp_path, "dash")
    select(window, "quokka")
    window.press("Enter")
    window.wait_for("You said: wombat")
    assert "OpenCode fleet" not in window.screen()
    window.press("C-c")
    window.wait_for("OpenCode fleet")
    window.wait_for("quokka")
    window.press("q")
    window.wait_for("LEFT=0")
    window.run("echo typed is seen")
    window.wait_for("\ntyped is seen")


def test_stop(window: Tmux, armada: Armada, tmp_path: Path, server: str) -> None:
    """Stopping the work of a busy session ends it at its server, and the session stays."""
    session = named(server, "numbat")
    prompt(server, session, "for long", model="slow")
    until(lambda: session in http.get(f"{server}session/status"))
    start(window, armada, tmp_path, "dash")
    select(window, "numbat")
    window.press("d")
    window.wait_for("It is at work now.")
    assert session in http.get(f"{server}session/status")
    window.press("s")
    until(lambda: session not in http.get(f"{server}session/status"), what=window.screen)
    last = http.get(f"{server}session/{session}/message")[-1]
    assert last["info"]["error"]["name"] == "MessageAbortedError"


def test_allow(window: Tmux, armada: Armada, tmp_path: Path, server: str) -> None:
    """A permission that is given in the attention view lets the tool run."""
    session = named(server, "dunnart")
    prompt(server, session, "touch allowed-by-hand", model="bash")
    until(lambda: http.get(f"{server}permission"))
    start(window, armada, tmp_path, "dash")
    window.wait_for("🟡1")
    window.press("w")
    window.wait_for("touch allowed-by-hand")
    window.press("Space")
    window.wait_for("Allow once")
    assert armada.inside("dan", "ls screen") == "opencode.json\n"
    window.press("1")
    until(lambda: "allowed-by-hand" in armada.inside("dan", "ls screen"), what=window.screen)
    window.wait_for("Nothing waits for a person")


def test_clone(window: Tmux, armada: Armada, tmp_path: Path, crew: Crew) -> None:
    """A repository is cloned on the host, and a session in it is offered and made."""
    crew.project("dan", "origin")
    armada.inside("dan", "git clone -q --bare origin potoroo.git")
    start(window, armada, tmp_path, "dash")
    window.wait_for("1/1 host")
    window.press("g")
    window.wait_for("Clone a repository")
    window.type("/home/dan/potoroo.git")
    window.wait_for("~/potoroo")
    window.press("Enter")
    window.wait_for("New session on dash")
    window.wait_for("/home/dan/potoroo")
    assert "first" in armada.inside("dan", "git -C potoroo log --oneline")
    window.type("hello")
    window.press("C-s")
    sessions = "cd potoroo; ~/.opencode/bin/opencode session list --format json"
    until(lambda: "potoroo" in armada.inside("dan", sessions), what=window.screen)


def test_log_in(window: Tmux, armada: Armada, tmp_path: Path) -> None:
    """A host that wants a password gets it from the person, and is reached from then on."""
    start(window, armada, tmp_path, "password")
    window.wait_for("auth required")
    window.press("a")
    window.wait_for("run it here")
    window.press("Enter")
    try:
        window.wait_for("password:")
        window.type(PASSWORD)
        window.press("Enter")
        window.wait_for("1/1 host")
        assert PASSWORD not in window.screen()
    finally:
        leave = ["ssh", "-F", str(armada.config), "-o", f"ControlPath={tmp_path}/%C", "-O", "exit"]
        subprocess.run([*leave, "password"], stderr=subprocess.DEVNULL, check=False)
