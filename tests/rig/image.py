"""The image, built as users build it, on a base that needs no image registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.rig.engine import CACHE, Engine

ROOT = Path(__file__).parent.parent.parent
NAME = "opencoderouter"
_PUBLIC_BASE = "docker.io/library/python:3.13-slim"
_OWN_BASE = "localhost/opencoderouter-base:trixie"
_EPOCH = 1_760_000_000
_RECIPE = "FROM scratch\nADD trixie.tar /\nENV LANG=C.UTF-8\n"


def build(engine: Engine, *options: str, name: str = NAME, source: Path = ROOT) -> str:
    """Build the image by ``make image`` with more options of the engine; return its id."""
    arguments = f"--quiet --build-arg BASE_IMAGE={base(engine)} {' '.join(options)}"
    command = ["make", "-s", "image", f"ENGINE={engine.program}", f"IMAGE={name}"]
    done = subprocess.run(
        [*command, f"SOURCE_DATE_EPOCH={_EPOCH}", f"ARGS={arguments}"],
        env=engine.environment,
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return engine.run("image", "inspect", "--format", "{{.Id}}", name).removeprefix("sha256:")


def base(engine: Engine) -> str:
    """Return the base that is here: the public one, or ours of Debian packages.

    Without mmdebstrap it is the public one, which the engine may pull.
    """
    if engine.has(_PUBLIC_BASE) or shutil.which("mmdebstrap") is None:
        return _PUBLIC_BASE
    if not engine.has(_OWN_BASE):
        _load_base(engine)
    return _OWN_BASE


def _load_base(engine: Engine) -> None:
    folder = CACHE / "base"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "trixie.tar").exists():
        _make_base(folder / "trixie.tar")
    (folder / "Containerfile").write_text(_RECIPE)
    always_the_same = ["--timestamp", str(_EPOCH)] if engine.name == "podman" else []
    recipe = ["--file", folder / "Containerfile", "--tag", _OWN_BASE]
    engine.run("build", "--quiet", *always_the_same, *recipe, folder, timeout=300)


def _make_base(target: Path) -> None:
    """Make a root file system of Debian's Python, much like the public image: 20 seconds."""
    part = target.with_suffix(".part")
    excluded = ("man", "info", "locale", "doc")
    command = ["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase"]
    command += ["--include=python3,python3-venv,ca-certificates"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(_EPOCH)}
    subprocess.run([*command, "trixie", part], env=environment, check=True, timeout=300)
    part.rename(target)
