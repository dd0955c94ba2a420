"""The image: the same from every build, with nothing in it that does not belong there."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.rig.engine import Engine
from tests.rig.image import NAME, ROOT, base, build

BOM = "usr/share/sbom/opencoderouter.cdx.json"
STATE = "var/lib/opencoderouter"
PACKAGES = "opt/ocr-router/lib/python3"
UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: holds a hash, which nobody compares
LISTING = """
import importlib.metadata, json
print(json.dumps([(part.name, part.version) for part in importlib.metadata.distributions()]))
"""
Content = dict[str, tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources as another person has it: other place, times and modes.

    A comment in the requirements makes the engines install and compile everything again.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("Containerfile", ".dockerignore", "Makefile", "pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    for name in ("src", "requirements"):
        shutil.copytree(ROOT / name, folder / name, copy_function=shutil.copyfile)
    for path in (folder / "src").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    with (folder / "requirements/run.txt").open("a") as file:
        file.write("# Nothing more.\n")
    return folder


@pytest.fixture(scope="module")
def saved(
    podman: Engine, podman_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Return Podman's image as a file."""
    path = tmp_path_factory.mktemp("image") / "image.tar"
    podman.run("save", "--quiet", "--output", path, podman_image)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def content(podman: Engine, saved: Path) -> Content:
    """Return what the image adds to its base: names, entries, bytes."""
    found: Content = {}
    with tarfile.open(saved) as archive:
        (image,) = json.load(_member(archive, "manifest.json"))
        for name in image["Layers"][len(layers(podman, base(podman))) :]:
            with tarfile.open(fileobj=_member(archive, name)) as layer:
                found |= {item.name: (item, _bytes(layer, item)) for item in layer.getmembers()}
    return found


def _member(archive: tarfile.TarFile, name: str) -> tarfile.ExFileObject:
    file = archive.extractfile(name)
    assert isinstance(file, tarfile.ExFileObject)
    return file


def _bytes(layer: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    file = layer.extractfile(item) if item.isreg() else None
    return file.read() if file else b""


def inspect(engine: Engine, image: str) -> dict[str, object]:
    """Return the configuration of an image."""
    found = json.loads(engine.run("image", "inspect", "--format", "{{json .Config}}", image))
    assert isinstance(found, dict)
    return found


def layers(engine: Engine, image: str) -> list[str]:
    """Return the digests of the layers of an image."""
    text = engine.run("image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
    return list(json.loads(text))


def test_podman_builds_the_same_image(podman: Engine, podman_image: str, clone: Path) -> None:
    """The same sources give the same image id, whoever builds them and where."""
    again = f"{NAME}-again"
    try:
        assert build(podman, name=again, source=clone) == podman_image
    finally:
        podman.call("rmi", again)


def test_docker_builds_the_same_layers(docker: Engine, docker_image: str, clone: Path) -> None:
    """Docker writes the hour into its image, but the layers are the same."""
    again = f"{NAME}-again"
    try:
        build(docker, name=again, source=clone)
        assert layers(docker, again) == layers(docker, docker_image)
    finally:
        docker.call("rmi", again)


def test_runs_as_anybody(engine: Engine) -> None:
    """The program starts read-only, without network, as a user that has no name."""
    options = "--rm --read-only --network none --user 12345:12345"
    said = engine.run("run", *options.split(), NAME, "--version")
    assert said == f"ocr-router {project()['version']}"


def test_configuration(docker: Engine, docker_image: str) -> None:
    """Who starts the image knows what it is, and gets a server that is not root."""
    config = inspect(docker, docker_image)
    assert config["Labels"] == {
        "org.opencontainers.image.title": "OpenCodeRouter",
        "org.opencontainers.image.description": project()["description"],
        "org.opencontainers.image.version": project()["version"],
        "org.opencontainers.image.licenses": project()["license"],
        "opencoderouter.sbom": f"/{BOM}",
    }
    assert (config["Entrypoint"], config["Cmd"]) == (["ocr-router"], ["serve"])
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {f"/{STATE}": {}}
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"] == {"Test": ["CMD", "ocr-router", "health"]}


def project() -> dict[str, object]:
    """Return what the project says about itself."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert isinstance(found, dict)
    return found


def test_configuration_is_the_same_for_podman(
    podman: Engine, podman_image: str, docker: Engine, docker_image: str
) -> None:
    """Both engines start the same: but for the health check, which Podman's format has not."""
    theirs, ours = inspect(docker, docker_image), inspect(podman, podman_image)
    names = ("Entrypoint", "Cmd", "User", "Volumes", "ExposedPorts", "StopSignal")
    assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}


def test_only_the_state_is_open(content: Content) -> None:
    """What the image adds belongs to root, and only the state's folder is open to others."""
    items = [item for item, _ in content.values()]
    assert {(item.uid, item.gid) for item in items} == {(0, 0)}
    writable = [item for item in items if item.mode & 0o022 and not item.issym()]
    assert [(item.name, item.mode & 0o7777) for item in writable] == [(STATE, 0o1777)]
    assert [item.name for item in items if item.mode & 0o6000] == []


def test_nothing_of_the_build_is_left(content: Content) -> None:
    """There is the environment, its bill of materials and the state's folder: no tool, no cache."""
    places = ("opt/ocr-router/", "usr/share/sbom", STATE)
    files = [name for name, (item, _) in content.items() if not item.isdir()]
    assert [name for name in files if not name.startswith(places)] == []
    assert files.count(BOM) == 1
    tools = ("pip", "uv", "hatchling", "setuptools", "cyclonedx", "lxml")
    parts = {part for name in files for part in name.split("/")}
    assert parts.isdisjoint({*tools, "uv_cache.json", "direct_url.json", ".lock", "secrets"})


def test_no_secret_is_left(content: Content) -> None:
    """The certificates that a build may be given are in no file."""
    certificate = b"-----BEGIN " + b"CERTIFICATE-----\nMI"
    assert [name for name, (_, data) in content.items() if certificate in data] == []


def test_compiled_once(content: Content) -> None:
    """Each source is compiled, without its time: the file system may be read-only."""
    sources = {name for name in content if name.startswith(PACKAGES) and name.endswith(".py")}
    compiled = {name: data for name, (_, data) in content.items() if name.endswith(".pyc")}
    assert {data[4:8] for data in compiled.values()} == {UNCHECKED}
    folders = {name.replace("__pycache__/", "").split(".cpython-")[0] for name in compiled}
    assert {name.removesuffix(".py") for name in sources} == folders


def test_bill_of_materials(content: Content, podman: Engine, podman_image: str) -> None:
    """It is valid CycloneDX, and lists exactly the packages that Python finds in the image."""
    text = content[BOM][1].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    listed = [bill["metadata"]["component"], *bill["components"]]
    python = ["--entrypoint", "/opt/ocr-router/bin/python", podman_image, "-c", LISTING]
    there = json.loads(podman.run("run", "--rm", "--network", "none", *python))
    assert sorted((part["name"], part["version"]) for part in listed) == sorted(map(tuple, there))
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd")
def test_size(saved: Path) -> None:
    """It travels in less than 80 MB."""
    packed = subprocess.run(
        ["zstd", "--quiet", "--stdout", saved], capture_output=True, check=True, timeout=60
    ).stdout
    assert len(packed) < 80_000_000
