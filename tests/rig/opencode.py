"""Real OpenCode servers, offline: a home of their own and a model that needs no network."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig import http
from tests.rig.model import MODELS
from tests.rig.ports import free_port
from tests.rig.processes import MARK, assert_gone, kill, marked
from tests.rig.wait import until


@dataclass(frozen=True, slots=True)
class Server:
    """A running ``opencode serve`` (or another command) that was started by hand."""

    port: int
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Return the address without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> Server:
        """Return when it answers: probes are short, an early connection may stay unanswered."""
        until(lambda: http.answers(f"{self.url}/global/health"))
        return self

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it, its tools first."""
        if self.process.poll() is None:
            http.post(f"{self.url}/global/dispose", {})
            self.process.terminate()
            self.process.wait(30)


@dataclass(frozen=True, slots=True)
class Rig:
    """A home, the mark that all its processes carry, and the model server's address."""

    home: Path
    model: str
    mark: str = field(default_factory=lambda: f"rig-{secrets.token_hex(6)}")

    def environment(self, *, mark: str = "") -> Mapping[str, str]:
        """Return the environment of everything that the rig starts."""
        ours = ("OPENCODE", "XDG_", "OCR_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        folders = {
            "XDG_CONFIG_HOME": ".config",
            "XDG_DATA_HOME": ".local/share",
            "XDG_STATE_HOME": ".local/state",
            "XDG_CACHE_HOME": ".cache",
        }
        quiet = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
        return {
            **kept,
            **{name: str(self.home / folder) for name, folder in folders.items()},
            **{f"OPENCODE_DISABLE_{what}": "1" for what in quiet},
            "HOME": str(self.home),
            "SHELL": "/bin/sh",
            MARK: mark or self.mark,
        }

    def start(self, directory: Path, *, port: int = 0) -> Server:
        """Start a server in a directory, as a person would; it may not answer yet."""
        port = port or free_port()
        process = subprocess.Popen(
            ["opencode", "serve", "--hostname", "127.0.0.1", "--port", str(port)],
            cwd=directory,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return Server(port, directory, process)

    @contextmanager
    def serving(self, directory: Path, *, port: int = 0) -> Iterator[Server]:
        """Run a server in a directory; it answers when the block begins."""
        server = self.start(directory, port=port)
        try:
            yield server.wait()
        finally:
            server.stop()


@contextmanager
def rig(home: Path, model: str) -> Iterator[Rig]:
    """Make a home; when the block ends nothing that was started in it is left, or it fails."""
    result = Rig(home, model)
    folder = home / ".config/opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text(json.dumps(configuration(model)))
    try:
        yield result
        assert_gone(result.mark)
    finally:
        for process in marked(result.mark):
            kill(process)


def installed() -> bool:
    """Tell whether the real program is on PATH."""
    return shutil.which("opencode") is not None


def configuration(model: str) -> Mapping[str, object]:
    """Return an ``opencode.json`` whose models are those of the rig."""
    return {
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,
        "enabled_providers": ["fake", "anthropic"],
        "model": "fake/echo",
        "small_model": "fake/echo",
        "provider": {
            "fake": _provider(model, MODELS),
            # The one that the guides name.
            "anthropic": _provider(model, ["claude-sonnet-4-5"]),
        },
    }


def _provider(model: str, names: Iterable[str]) -> Mapping[str, object]:
    limit = {"context": 100_000, "output": 4_000}
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Models of the test rig",
        "options": {"baseURL": model, "apiKey": "none"},
        "models": {name: {"name": name, "tool_call": True, "limit": limit} for name in names},
    }
