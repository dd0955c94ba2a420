"""OpenCode: where it is, whether it can be started, which version it is."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from opencoderouter.doctor.container import is_image
from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Mending, Status
from opencoderouter.doctor.thread import in_thread, threaded
from opencoderouter.doctor.versions import is_usable
from opencoderouter.kernel.namespaces import container_marks

_FOUND, _VERSION = "opencode", "opencode-version"
_KNOWN = "1.18"  # the router's tests run with it
_PATIENCE = 1.5  # seconds; a check is cut at 2
_WHY = "The router starts servers with it; those that run already are found without."
_INSTALL = "npm install -g opencode-ai"
_MOUNT = (
    'docker run --volume "$(readlink -f "$(command -v opencode)")":/usr/local/bin/opencode:ro ...'
)


def find(facts: Facts) -> Iterable[Finding]:
    """Tell whether the program of the settings is there and can be started."""
    program, origin = Path(facts.program), facts.origins.get("opencode", "default")
    seen = (f"--opencode {facts.settings.opencode} ({origin})", f"PATH={_path(facts)}")
    if not program.is_absolute() or not program.exists():
        missing = f"{facts.program} is not found"
        install = _MOUNT if is_image(facts) else _INSTALL
        mend = install if origin == "default" else "ocr-router config"
        # A container without it is usual: it routes to servers that run elsewhere.
        inside = origin == "default" and container_marks(facts.environment, facts.etc.parent)
        status = Status.INFO if inside else Status.ERROR
        return (
            Finding(
                *(_FOUND, status, missing, seen, _WHY),
                (mend, "ocr-router serve --opencode PROGRAM"),
            ),
        )
    if not program.is_file():
        text = f"{program} is not a program"
        mends = ("ocr-router serve --opencode PROGRAM",)
        return (Finding(_FOUND, Status.ERROR, text, seen, _WHY, mends),)
    if not os.access(program, os.X_OK):
        return (_not_executable(program, seen),)
    return (Finding(_FOUND, Status.OK, f"OpenCode is {program}", seen),)


def _not_executable(program: Path, seen: tuple[str, ...]) -> Finding:
    mode = stat.S_IMODE(program.stat().st_mode)
    command = shlex.join(["chmod", "u+x", str(program)])
    undo = shlex.join(["chmod", f"{mode:o}", str(program)])
    fix = Mending(
        f"make {program} executable for its owner", lambda: program.chmod(mode | 0o100), undo
    )
    text = f"{program} is not executable"
    ours = fix if program.stat().st_uid == os.geteuid() else None
    return Finding(
        _FOUND, Status.ERROR, text, (*seen, f"mode {mode:o}"), _WHY, (command,), fix=ours
    )


def _path(facts: Facts) -> str:
    return facts.environment.get("PATH", "")


async def version(facts: Facts) -> Iterable[Finding]:
    """Tell which version it is, and whether servers run that are another."""
    if not os.access(facts.program, os.X_OK) or shutil.which(facts.program) is None:
        return (Finding(_VERSION, Status.SKIPPED, "There is no program to ask (see opencode)"),)
    if not is_usable(facts.home):
        return (Finding(_VERSION, Status.SKIPPED, "It cannot run without a home (see user)"),)
    asked = in_thread(_ask, facts)  # meanwhile
    rows, said = await facts.router.get("/api/backends"), await asked
    entries = rows.body if isinstance(rows, Answered) else []
    finding = said if isinstance(said, Finding) else judge(said, entries)
    if any(mend.startswith(_INSTALL) for mend in finding.mend) and is_image(facts):
        return (replace(finding, mend=(_MOUNT,)),)
    return (finding,)


def _ask(facts: Facts) -> str | Finding:
    try:
        done = subprocess.run(  # noqa: S603 - the program that `serve` starts
            [facts.program, "--version"],
            env={**facts.environment, "OPENCODE_DISABLE_AUTOUPDATE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"OpenCode did not tell its version within {_PATIENCE:g} s"
        why = "A machine with much to do, or a program that hangs: then no server becomes ready."
        return Finding(_VERSION, Status.INFO, text, (), why, (f"{facts.program} --version",))
    except OSError as error:
        return _mute(f"cannot be started: {error.strerror}", ())
    lines = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    if done.returncode != 0 or not done.stdout.strip():
        return _mute(f"`--version` ended with exit code {done.returncode}", tuple(lines[:5]))
    return lines[0]


def _mute(text: str, seen: tuple[str, ...]) -> Finding:
    again = f"{_INSTALL}  # what is installed may be damaged"
    summary = f"OpenCode does not tell its version: {text}"
    return Finding(_VERSION, Status.WARNING, summary, seen, _WHY, (again,))


def judge(said: str, rows: object) -> Finding:
    """Return what the program's version says, and the servers' of ``/api/backends``."""
    entries = rows if isinstance(rows, list) else []
    others = sorted(
        f"{row['slug']} runs {row['version']}"
        for row in entries
        if isinstance(row, dict) and row.get("version") not in {None, "", said}
    )
    if others:
        return Finding(
            _VERSION,
            Status.INFO,
            f"OpenCode is {said}, some servers are not",
            tuple(others),
            "A server goes on with the program that it was started with until it is restarted.",
        )
    if not said.startswith(f"{_KNOWN}."):
        return Finding(
            _VERSION,
            Status.INFO,
            f"OpenCode is {said}; the router is tested with {_KNOWN}",
            (),
            "Others speak the same dialect as far as is known. If a project shows as failed or "
            "never becomes ready, try that version.",
            (f"npm install -g opencode-ai@{_KNOWN}",),
        )
    return Finding(_VERSION, Status.OK, f"OpenCode is {said}, as the router's tests have it")


CHECKS = (
    Check(_FOUND, "The OpenCode program", threaded(find)),
    Check(_VERSION, "OpenCode's version and dialect", version),
)
