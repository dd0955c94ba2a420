"""``ocr-router doctor`` as typed, and a user who does what it says."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.router import COMMAND

from opencoderouter.doctor.facts import Answer, Facts, Router, Unanswered
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.settings import Settings

Row = Mapping[str, Any]
_NOW = 1_800_000_000.0  # in 2027
_DOWN = Unanswered("nobody listens", down=True)


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody with a home, who asks for advice and follows it."""

    environment: Mapping[str, str]
    by: Sequence[str] = ()

    def diagnose(self, code: str, *arguments: object) -> list[Row]:
        """Return the findings of one check; the exit code must go with them."""
        done = self.doctor("--json", "--only", code, *arguments)
        rows: list[Row] = json.loads(done.stdout)["checks"]
        ill = any(row["status"] in {"warning", "error"} for row in rows)
        assert done.returncode == int(ill), done.stderr
        assert {row["code"] for row in rows} == {code}
        return rows

    def worst(self, code: str, *arguments: object) -> Row:
        """Return the worst finding of one check."""
        return max(
            self.diagnose(code, *arguments), key=lambda row: list(Status).index(row["status"])
        )

    def doctor(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return self._run([*self.by, str(COMMAND), "doctor", *map(str, arguments)])

    def follow(self, advice: str) -> subprocess.CompletedProcess[str]:
        """Type what was advised into a shell; root needs no sudo."""
        done = self._run(["sh", "-ec", advice.replace("sudo ", "")])
        assert done.returncode == 0, done.stderr
        return done

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        path = f"{COMMAND.parent}:{self.environment.get('PATH', os.defpath)}"
        return subprocess.run(
            command,
            env={**self.environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=55,
            check=False,
        )


def answering(answers: Mapping[str, Answer]) -> Router:
    """Return a router that says these things, and is down for all else."""
    return Router(lambda path: answers.get(path, _DOWN))


def facts(
    home: Path,
    *,
    answers: Mapping[str, Answer] | None = None,
    stranger: Answer = _DOWN,
    environment: Mapping[str, str] | None = None,
    program: str = "opencode",
    broken: str = "",
    now: float = _NOW,
    origins: Mapping[str, str] | None = None,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> Facts:
    """Return facts of which only these are of interest; the state directory is in ``home``."""
    chosen = Settings.model_construct(**{"state_dir": home / "state", **settings})
    return Facts(
        settings=chosen,
        origins=origins or {},
        config=home / "config.toml",
        broken=broken,
        router=answering(answers or {}),
        stranger=answering({"/api/health": stranger}),
        program=program,
        environment=environment or {},
        home=home,
        clock=lambda: now,
        proc=home / "proc",
        sys=home / "sys",
        etc=home / "etc",
    )


def layers(home: Path) -> None:
    """Have the root directory of ``facts(home)`` be the layers of an image."""
    (home / "proc/self").mkdir(parents=True)
    line = "1 0 0:1 / / rw,relatime shared:1 - overlay overlay rw\n"
    (home / "proc/self/mountinfo").write_text(line)


def found(check: Check, known: Facts) -> list[Finding]:
    """Return what a check finds."""

    async def run() -> Iterable[Finding]:
        return await check.run(known)

    return list(asyncio.run(run()))
