"""What is offered to a shell, beside a router and without one; ``tests/release`` has the shells."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, Router, router
from tests.wire.cli.conftest import Run


@pytest.fixture(autouse=True)
def alone(environment: dict[str, str], tmp_path: Path) -> None:
    """Let no other router be asked."""
    environment["OCR_STATE_DIR"] = str(tmp_path / "state")
    environment["OCR_PORT"] = str(free_port())


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[Router]:
    """Return a router with the projects ``shop`` and ``blog``, where commands look for it."""
    projects = [tmp_path / "shop", tmp_path / "blog"]
    for project in projects:
        project.mkdir()
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    del environment["OCR_PORT"]
    with router(projects, environment=environment, log=tmp_path / "log") as started:
        environment["OCR_PORT"] = str(started.port)
        yield started


@pytest.fixture
def hostile() -> Iterator[str]:
    """Return the address of a router whose projects have names that a shell would run."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps([{"slug": "$(reboot)"}, {"slug": "good"}]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def offered(run: Run, environment: dict[str, str], words: str) -> set[str]:
    """Return what a shell is offered at the end of a line; nothing is said on stderr."""
    asking = {
        "_OCR_ROUTER_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    environment.update(asking)
    done = run()
    for name in asking:
        del environment[name]
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.usefixtures("running")
def test_projects(run: Run, environment: dict[str, str]) -> None:
    """Those of the running router that begin so, wherever a project is named."""
    for words in ("open", "resolve", "env", "token create x --project"):
        assert {"shop", "blog"} <= offered(run, environment, f"ocr-router {words} ")
    assert offered(run, environment, "ocr-router open sh") == {"shop"}


def test_a_router_cannot_make_a_shell_run_anything(
    run: Run, environment: dict[str, str], hostile: str
) -> None:
    """What is no project's name is not offered."""
    assert offered(run, environment, f"ocr-router open --router {hostile} ") == {"good"}


def test_a_router_that_drips(run: Run, environment: dict[str, str]) -> None:
    """Who has pressed Tab does not wait for the end of what never ends."""
    enough = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not enough.wait(0.2):
                    self.wfile.write(b" ")

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            assert offered(run, environment, f"ocr-router open --router {url} ") == set()
        finally:
            enough.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("words", ["open ", "open --router nonsense ", "token revoke ", "env x"])
def test_nothing_is_known(run: Run, environment: dict[str, str], words: str) -> None:
    """Without a router, or tokens, nothing is offered and nothing said."""
    assert offered(run, environment, f"ocr-router {words}") == set()


def test_what_cannot_be_read_is_not_offered(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    """A damaged file, or a setting that is wrong, is told by the command, not by the Tab key."""
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/tokens.json").write_text("{")
    (tmp_path / "state/tokens.json").chmod(0o600)
    assert offered(run, environment, "ocr-router token revoke ") == set()
    environment["OCR_PORT"] = "nonsense"
    assert offered(run, environment, "ocr-router open ") == set()


def test_tokens_and_routers(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """The names in this user's files."""
    run("token", "create", "wallboard")
    assert offered(run, environment, "ocr-router token revoke ") == {"wallboard"}
    peer = {"label": "attic", "port": 8080, "addresses": ["192.0.2.1"]}
    (tmp_path / "state/peers.json").write_text(json.dumps({"peers": [peer]}))
    (tmp_path / "state/peers.json").chmod(0o600)
    assert offered(run, environment, "ocr-router peer remove ") == {"attic"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hea", {"health"}),
        ("serve --scan-s", {"--scan-start"}),
        ("serve --log-level ", {"debug", "info", "warning", "error"}),
        ("serve --access-log ", {"off"}),
        ("dns setup w", {"windows", "wsl"}),
        ("completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_words_that_are_always_the_same(
    run: Run, environment: dict[str, str], words: str, expected: set[str]
) -> None:
    """Commands, options, and what these can be."""
    assert offered(run, environment, f"ocr-router {words}") == expected


LISTED = "_TYPER_COMPLETE_ARGS"


@pytest.mark.parametrize(
    ("words", "bash", "zsh", "fish"),
    [
        ("serve s", "compopt +o default -o dirnames", "_files -/", "shop/"),
        ("start s", "compopt +o default -o dirnames", "_files -/", "shop/"),
        ("stop ~/sh", "compopt +o default -o dirnames", "_files -/", "~/shop/"),
        ("stop nowhere/x", "compopt +o default -o dirnames", "_files -/", ""),
        ("ls --state-dir s", "compopt +o default -o dirnames", "_files -/", "shop/"),
        *((words, "compopt +o default", "", "") for words in ("ls --router s", "dns --listen s")),
    ],
)
def test_no_file_where_none_is_meant(
    environment: dict[str, str], tmp_path: Path, words: str, bash: str, zsh: str, fish: str
) -> None:
    """Directories or nothing: by the words that each shell has for it, where it has any."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop.txt").touch()
    line = f"ocr-router {words}"
    asking = {"COMP_WORDS": line, "COMP_CWORD": str(words.count(" ") + 1), LISTED: line}
    asking["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    for shell, said in (("bash", bash), ("zsh", zsh), ("fish", fish)):
        variables = environment | asking | {"_OCR_ROUTER_COMPLETE": f"complete_{shell}"}
        done = subprocess.run(
            [COMMAND], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, said, "")


@pytest.mark.parametrize("program", ["ocr-router", "ocr"])
def test_scripts(run: Run, program: str) -> None:
    """One for each shell, of the program that prints it; for another one there is none."""
    for shell in ("bash", "zsh", "fish"):
        done = run("completion", shell, program=program)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"_{program.replace('-', '_').upper()}_COMPLETE=complete_{shell}" in done.stdout
    done = run("completion", "tcsh", program=program)
    assert (done.returncode, done.stdout) == (2, "")
