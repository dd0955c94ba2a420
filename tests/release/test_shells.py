"""Real shells, taught as `completion --help` says, and the Tab key."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.release.conftest import run
from tests.rig.tmux import Tmux, tmux
from tests.rig.wait import until

HERE = Path(sys.executable).parent
PROMPT = "ready> "
# Each without what the machine has configured, and with a prompt that is known.
START = {
    "bash": f"PS1='{PROMPT}' bash --norc --noprofile",
    "zsh": f"PS1='{PROMPT}' zsh -f",
    "fish": f"fish --no-config -C \"function fish_prompt; printf '{PROMPT}'; end\"",
}


@pytest.fixture
def home(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment, with a token, a host of ssh's, and the programs of the checkout."""
    environment["PATH"] = f"{HERE}:{environment['PATH']}"
    folder = Path(environment["HOME"])
    (folder / "hosts").write_text("Host web-server\n")
    (folder / "notes.txt").touch()
    (folder / "nor th/deep").mkdir(parents=True)
    run([HERE / "ocr-router", "token", "create", "wallboard"], environment)
    return environment


@pytest.fixture(params=sorted(START))
def shell(request: pytest.FixtureRequest) -> str:
    """Return each shell that is there."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    return name


@pytest.fixture
def terminal(shell: str, home: dict[str, str], tmp_path: Path) -> Iterator[Tmux]:
    """Return a terminal with the shell, in the home, ready."""
    with tmux(tmp_path / "socket", home) as made:
        made.run(f"cd; {START[shell]}")
        made.wait_for(f"\n{PROMPT.strip()}")
        if shell == "zsh":
            made.run("autoload -Uz compinit; compinit -u -D")
        yield made


def line(shell: str, program: str, environment: Mapping[str, str]) -> str:
    """Return the line that the help has for a shell's file."""
    text = run([HERE / program, "completion", "--help"], environment)
    found = re.search(rf"^  ~/.*?  (\S.* completion {shell}.*)$", text, re.MULTILINE)
    assert found, text
    return found[1]


def taught(shell: str, terminal: Tmux, environment: Mapping[str, str]) -> None:
    """Teach a shell both programs."""
    for program in ("ocr-router", "ocr"):
        terminal.run(line(shell, program, environment))
    terminal.press("C-l")


def pressed(terminal: Tmux, typed: str, completed: str) -> None:
    """Type words, press Tab, and see them completed; then begin anew."""
    terminal.type(typed)
    terminal.press("Tab")
    terminal.wait_for(f"{PROMPT}{completed}")
    terminal.press("C-u")
    terminal.press("C-l")
    until(lambda: terminal.screen().strip() == PROMPT.strip(), what=terminal.screen)


WORDS = [
    ("ocr-router res", "ocr-router resolve"),
    ("ocr-router serve --auth al", "ocr-router serve --auth always"),
    ("ocr-router token revoke wal", "ocr-router token revoke wallboard"),
    ("ocr-router serve --tls-cert not", "ocr-router serve --tls-cert notes.txt"),
    ("ocr --ssh-config hosts web", "ocr --ssh-config hosts web-server"),
]
DIRECTORIES = [
    ("ocr-router start no", r"ocr-router start nor\ th/"),
    (r"ocr-router stop nor\ th/d", r"ocr-router stop nor\ th/deep/"),
    ("ocr-router stop ~/no", r"ocr-router stop ~/nor\ th/"),
    ("ocr-router ls --state-dir no", r"ocr-router ls --state-dir nor\ th/"),
]
URLS = [
    ("ocr-router ls --router not", "ocr-router ls --router not"),
    ("ocr-router serve --port not", "ocr-router serve --port not"),
]


def test_tab(shell: str, terminal: Tmux, home: dict[str, str]) -> None:
    """Commands, options, their values, tokens, hosts, and files where a file is meant."""
    taught(shell, terminal, home)
    for typed, completed in WORDS:
        pressed(terminal, typed, completed)


def test_tab_where_not_every_file_is_meant(
    shell: str, terminal: Tmux, home: dict[str, str]
) -> None:
    """Directories alone, also below one; and no file where it is a URL or a number."""
    taught(shell, terminal, home)
    for typed, completed in DIRECTORIES + URLS:
        terminal.type(typed)
        terminal.press("Tab")
        terminal.type("x")  # it does not stop here: nothing is put behind it
        terminal.wait_for(f"{PROMPT}{completed}x")
        terminal.press("C-u")
        terminal.press("C-l")
        until(lambda: terminal.screen().strip() == PROMPT.strip(), what=terminal.screen)


@pytest.fixture
def zsh(home: dict[str, str], tmp_path: Path) -> Iterator[Tmux]:
    """Return a terminal with a zsh that has the script as a package brings it: in its fpath."""
    if shutil.which("zsh") is None:
        pytest.skip("needs zsh")
    folder = tmp_path / "site-functions"
    folder.mkdir()
    script = run([HERE / "ocr-router", "completion", "zsh"], home)
    (folder / "_ocr-router").write_text(script)
    with tmux(tmp_path / "socket", home) as made:
        made.run(f"cd; {START['zsh']}")
        made.wait_for(f"\n{PROMPT.strip()}")
        made.run(f"fpath+={folder}; autoload -Uz compinit; compinit -u -D")
        yield made


def test_tab_of_a_package(zsh: Tmux) -> None:
    """The first Tab is answered already."""
    zsh.press("C-l")
    pressed(zsh, "ocr-router res", "ocr-router resolve")
