"""What buildPythonApplication does: ``application.py PYTHON OUT BUILD_SYSTEM DEPENDENCIES``.

It builds the wheel of the directory that it is in, and installs it with the libraries that are
named, those that they require, and no others. As with nixpkgs, only the programs themselves know
where the libraries are.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path


def requirements(names: list[str]) -> list[metadata.Distribution]:
    """Return the distributions, and those that they require on this machine."""
    found: dict[str, metadata.Distribution] = {}
    while names:
        name = names.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for text in found[name].requires or ():
            needed = re.match(r"[\w.-]+", text)
            if needed and _installed(needed[0], text):
                names.append(needed[0])
    return list(found.values())


def _installed(name: str, text: str) -> bool:
    if "extra ==" in text:
        return False
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:  # of another system or Python
        return False
    return True


def link(distributions: list[metadata.Distribution], folder: Path) -> None:
    """Have the files of distributions in a folder, as links."""
    for distribution in distributions:
        for file in distribution.files or ():
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).symlink_to(Path(str(distribution.locate_file(file))))


def build(python: str, system: list[str], target: Path) -> None:
    """Build the wheel of the sources here with nothing but the build system, and unpack it."""
    backend = tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["build-backend"]
    with tempfile.TemporaryDirectory() as folder:
        link(requirements(system), Path(folder, "lib"))
        code = f"import {backend} as backend; backend.build_wheel({folder!r})"
        path = {"PYTHONPATH": f"{folder}/lib", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([python, "-S", "-c", code], env=path, check=True)
        for wheel in Path(folder).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(target)


def program(python: str, out: Path, entry: metadata.EntryPoint) -> None:
    """Write a program as nixpkgs wraps it."""
    inner = out / "bin" / f".{entry.name}-wrapped"
    inner.write_text(
        textwrap.dedent(f"""\
        #!{python} -IS
        import sys; sys.argv[0] = {str(out / "bin" / entry.name)!r}
        import site; site.addsitedir({str(out / "lib")!r})
        from {entry.module} import {entry.attr}
        sys.exit({entry.attr}())
        """)
    )
    outer = out / "bin" / entry.name
    outer.write_text(f'#!/bin/bash\nexport PYTHONNOUSERSITE=true\nexec -a "$0" {inner} "$@"\n')
    for file in (inner, outer):
        file.chmod(0o755)


def main(python: str, target: str, system: str, dependencies: str) -> None:
    """Make it."""
    out = Path(target)
    build(python, system.split(), out / "lib")
    link(requirements(dependencies.split()), out / "lib")
    (out / "bin").mkdir()
    for own in metadata.distributions(path=[str(out / "lib")], name=Path.cwd().name):
        for entry in own.entry_points:
            program(python, out, entry)


if __name__ == "__main__":
    main(*sys.argv[1:])
