"""The rules that no other tool checks: sizes, a test for each module, and what an import loads."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "opencoderouter"
FILES = sorted(PACKAGE.rglob("*.py"))
CORE = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in PACKAGE.glob("core/**/[!_]*.py")
)

# Modules without a test file of their own, and why. The list may only shrink.
UNTESTED = {
    "cli/failure.py": "a message and an exit code",
    "core/fleet/control.py": "a protocol and fields only",
    "core/fleet/transport.py": "protocols and fields only",
    "proxy/context.py": "fields only",
    "proxy/lane/limits.py": "fields only",
    "proxy/lane/refusals.py": "words only",
    "proxy/lane/role.py": "a protocol only",
    "proxy/lane/routing.py": "fields only",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a file, and how many lines it has without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            first, last = node.body[0], node.body[-1]
            docstring = ast.get_docstring(node) is not None
            lines = (node.end_lineno or 0) - node.lineno + 1
            if docstring and first is not last:
                lines -= (first.end_lineno or 0) - first.lineno + 1
            yield f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}", lines


def loaded(module: str) -> set[str]:
    """Return the names of all modules that a fresh process has after an import."""
    script = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", script]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def foreign(names: set[str]) -> set[str]:
    """Return the packages that neither Python nor this project nor the installation brought."""
    ours = {"opencoderouter", *sys.stdlib_module_names}
    return {name.partition(".")[0] for name in names - loaded("sys")} - ours


def is_tested(path: Path) -> bool:
    """Tell whether a module has a test file of its name: in unit, or with real sockets in wire."""
    place = path.relative_to(PACKAGE).with_name(f"test_{path.stem}.py")
    return any((ROOT / "tests" / kind / place).exists() for kind in ("unit", "wire"))


def tracked() -> list[Path]:
    """Return the files of the repository, those not yet added included."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_file_size() -> None:
    """No source file is longer than 300 lines."""
    long = {str(path): len(path.read_text().splitlines()) for path in FILES}
    assert {path: lines for path, lines in long.items() if lines > 300} == {}


def test_function_size() -> None:
    """No function is longer than 40 lines, half have at most 8, nine tenths at most 25."""
    lengths = dict(chain.from_iterable(map(functions, FILES)))
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}
    assert statistics.median(lengths.values()) <= 8
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 25


def test_every_module_has_its_test() -> None:
    """A module's tests are where its name says."""
    modules = [path for path in FILES if path.name != "__init__.py"]
    untested = [str(path.relative_to(PACKAGE)) for path in modules if not is_tested(path)]
    assert untested == sorted(UNTESTED)


def test_packages_only_describe_themselves() -> None:
    """A package file has its docstring, and a constant at most: no code, no names handed on."""
    packages = [path for path in FILES if path.name == "__init__.py"]
    for path in packages:
        assert ast.get_docstring(ast.parse(path.read_text())), path
        kinds = {type(node) for node in ast.parse(path.read_text()).body}
        assert kinds <= {ast.Expr, ast.Assign}, path


def test_every_test_says_what_it_expects() -> None:
    """A test without a docstring leaves its reader guessing."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function) and node.name.startswith("test_")
        if ast.get_docstring(node) is None
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("opencoderouter.cli.router", {"aiohttp", "fabric", "pydantic", "textual"}),
        ("opencoderouter.cli.remote", {"aiohttp", "pydantic", "textual", "fabric", "yaml"}),
        ("opencoderouter.cli.remote_app", {"aiohttp", "pydantic", "textual", "fabric", "yaml"}),
        (
            "opencoderouter.wiring.worker",
            {"aiohttp", "pydantic", "opencoderouter.launch", "opencoderouter.scan"},
        ),
        (
            "opencoderouter.cli.health",
            {"asyncio", "http", "logging", "pathlib", "ssl", "typer", "pydantic"},
        ),
        ("opencoderouter.kernel.init", {"asyncio", "logging", "pathlib", "threading"}),
        ("opencoderouter.launch.guard", {"asyncio", "logging", "opencoderouter.core"}),
    ],
)
def test_cold_start(module: str, absent: set[str]) -> None:
    """A command line answers at once, the guard stays small: no more is loaded than is needed."""
    names = loaded(module)
    assert module in names
    assert absent & names == set()


@pytest.mark.parametrize(
    "module",
    [
        *CORE,
        "opencoderouter.cli.health",
        "opencoderouter.kernel.init",
        "opencoderouter.launch.guard",
    ],
)
def test_standard_library_only(module: str) -> None:
    """The core needs nothing that must be installed; nor do guard, process 1 and `health`."""
    assert foreign(loaded(module)) == set()


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        # Written so that this file does not contain them.
        ("the host of a package registry", r"pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)"),
        ("the host of a package registry", r"yarnpkg[.]com|crates[.]io|rubygems[.]org"),
        ("the host of a package registry", r"(proxy|sum)[.]golang[.]org"),
        ("the path of somebody's machine", r"(?<![\w.~/-])/(work|root)[/]"),
    ],
)
def test_words_not_to_be_found(what: str, pattern: str) -> None:
    """What holds on one machine only is in no file, names of files included."""
    unwanted = re.compile(pattern.encode())
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}: {what}"
        for path in tracked()
        if (match := unwanted.search(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes()))
    ]
    assert found == []
