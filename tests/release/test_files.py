"""What wheel and sdist carry, and that they are the same each time."""

from __future__ import annotations

import tomllib
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from tests.release.conftest import Release

PACKAGE = "opencoderouter/"
# Not Python, and the program does not work without.
DATA = (
    *("py.typed", "doctor/schema.json", "fleet/probe.sh", "preferences/remote-tui.yaml"),
    *("proxy/dashboard.html", "proxy/login.html"),
)


@pytest.fixture(scope="session")
def described(release: Release) -> Path:
    """Return the folder of the wheel that says what it is."""
    return Path(next(n for n in release.in_wheel() if n.endswith("/METADATA"))).parent


def test_the_wheel_is_the_package(release: Release, files: list[str], described: Path) -> None:
    """All files below src, data included, and what a wheel says of itself; nothing else."""
    carried = release.in_wheel()
    ours = {name.removeprefix("src/") for name in files if name.startswith(f"src/{PACKAGE}")}
    source = release.in_sdist()
    assert {PACKAGE + name for name in DATA} <= ours
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert set(carried) == ours | {f"{described}/{name}" for name in about}
    for name in ours:
        assert carried[name] == source[f"src/{name}"], name


def test_the_sdist_is_the_checkout(release: Release, files: list[str]) -> None:
    """All that git has, to build, test and deploy; one file more says what it is."""
    assert {*release.in_sdist()} == {*files, "PKG-INFO"}


def test_the_sdist_makes_the_same_wheel(release: Release) -> None:
    """To the byte, in another folder, from files of other times and modes."""
    assert release.wheel.name == release.wheel_of_sdist.name
    assert release.wheel.read_bytes() == release.wheel_of_sdist.read_bytes()


def test_the_sdist_is_the_same_each_time(release: Release, second_sdist: Path) -> None:
    """To the byte, too."""
    assert release.sdist.read_bytes() == second_sdist.read_bytes()


def test_the_wheel_says_what_it_is(release: Release, described: Path) -> None:
    """By the rules of the metadata, as pyproject.toml has it, with licence and description."""
    source = release.in_sdist()
    project = tomllib.loads(source["pyproject.toml"].decode())["project"]
    carried = release.in_wheel()
    text = carried[f"{described}/METADATA"]
    said = Metadata.from_email(text, validate=True)
    assert (said.name, str(said.version)) == (project["name"], project["version"])
    assert (said.license_expression, said.license_files) == (project["license"], ["LICENSE"])
    assert str(said.requires_python) == project["requires-python"]
    assert said.summary == project["description"]
    assert len(said.requires_dist or ()) == len(project["dependencies"])
    assert said.description_content_type == "text/markdown"
    assert message_from_bytes(text).get_payload() == source["README.md"].decode()
    assert carried[f"{described}/licenses/LICENSE"] == source["LICENSE"]
    scripts = carried[f"{described}/entry_points.txt"].decode().splitlines()
    assert {f"{name} = {where}" for name, where in project["scripts"].items()} <= {*scripts}
