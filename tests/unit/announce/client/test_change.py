"""Recipes that are carried out and taken back, in a folder that stands for the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opencoderouter.announce.client import change
from opencoderouter.announce.client.change import Done, Failed, Place, apply, undo
from opencoderouter.announce.client.recipes import SYSTEMS, Server, recipe

HERE = Server("127.0.0.1", 8053)
WRITING = [one for one in SYSTEMS if recipe(one, HERE, ("local",)).files]
CONF = "/etc/dnsmasq.d/ocr-router.conf"


@dataclass
class Machine:
    """A machine whose services run unless they are ``stopped``; commands that ``fail`` do so."""

    folder: Path
    ran: list[tuple[str, ...]] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    fail: str | None = None

    @property
    def place(self) -> Place:
        """Return it as it is given to what is tested."""
        record = self.folder / "state" / "dns-setup.json"
        return Place(record, self.folder / "root", self.run, lambda name: name not in self.stopped)

    def run(self, command: Sequence[str]) -> str | None:
        """Take note."""
        self.ran.append(tuple(command))
        return self.fail

    def path(self, name: str) -> Path:
        """Return where a file of it is."""
        return self.folder / "root" / name.removeprefix("/")

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Return all of its files and directories, with their modes and content."""
        found = sorted((self.folder / "root").rglob("*"))
        return {
            str(one): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
            for one in found
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine that has some files in /etc already."""
    made = Machine(tmp_path)
    for name, content in {
        CONF: b"server=/local/192.0.2.1\r\n\xff",
        "/etc/resolver/local": b"nameserver 192.0.2.1\n",
        "/etc/hosts": b"127.0.0.1 localhost\n",
    }.items():
        made.path(name).parent.mkdir(parents=True, exist_ok=True)
        made.path(name).write_bytes(content)
        made.path(name).chmod(0o600)
    return made


@pytest.mark.parametrize("system", WRITING)
def test_round_trip(machine: Machine, system: str) -> None:
    """What was printed is written and read by the service; then all is as before, to the byte."""
    before = machine.everything()
    wanted = recipe(system, HERE, ("local", "dev.example.test"))
    done = apply(wanted, machine.place)
    assert done == Done(tuple(file.path for file in wanted.files), (wanted.reload,))
    for file in wanted.files:
        assert machine.path(file.path).read_text() == file.content
    assert undo(machine.place) == done
    assert machine.everything() == before
    assert machine.ran == [wanted.reload] * 2
    assert [one.name for one in (machine.folder / "state").iterdir()] == ["dns-setup.json.lock"]


def test_all_together(machine: Machine) -> None:
    """Several are taken back at once, each service reads its files once."""
    before = machine.everything()
    for system in WRITING:
        assert isinstance(apply(recipe(system, HERE, ("local",)), machine.place), Done)
    machine.ran.clear()
    assert isinstance(undo(machine.place), Done)
    assert machine.everything() == before
    assert len(machine.ran) == len(set(machine.ran)) == len(WRITING)


def test_twice_is_once(machine: Machine) -> None:
    """What is so already is not done again; with another server, what was first comes back."""
    before = machine.everything()
    wanted = recipe("dnsmasq", HERE, ("local",))
    apply(wanted, machine.place)
    assert apply(wanted, machine.place) == Done(())
    other = recipe("dnsmasq", Server("192.0.2.9", 53), ("local",))
    assert isinstance(apply(other, machine.place), Done)
    assert "192.0.2.9" in machine.path(CONF).read_text()
    undo(machine.place)
    assert machine.everything() == before
    assert undo(machine.place) == Done(())


def test_a_service_that_does_not_run(machine: Machine) -> None:
    """It is left alone, and what has it read its files is told, also when they are taken back."""
    machine.stopped = {"dnsmasq"}
    left = Done((CONF,), (), (("systemctl", "restart", "dnsmasq"),))
    assert apply(recipe("dnsmasq", HERE, ("local",)), machine.place) == left
    assert undo(machine.place) == left
    assert machine.ran == []


def test_a_service_that_does_not_take_it(machine: Machine) -> None:
    """Everything is as before, and the service reads that again."""
    before = machine.everything()
    machine.fail = "exit code 1: bad option"
    wanted = recipe("networkmanager", HERE, ("local",))
    failed = apply(wanted, machine.place)
    assert failed == Failed("`nmcli general reload`: exit code 1: bad option")
    assert machine.everything() == before
    assert machine.ran == [wanted.reload] * 2
    assert not machine.place.record.exists()


def test_a_file_that_cannot_be_written(machine: Machine) -> None:
    """Those before it are as they were, too: nothing is half done."""
    machine.path("/etc/NetworkManager/dnsmasq.d").mkdir(parents=True)
    blocking = machine.path("/etc/NetworkManager/dnsmasq.d/.ocr-router.conf.ocr-router")
    blocking.mkdir()
    before = machine.everything()
    assert isinstance(apply(recipe("networkmanager", HERE, ("local",)), machine.place), Failed)
    assert machine.everything() == before
    assert machine.ran == []
    assert undo(machine.place) == Done(())


def test_a_file_that_somebody_has_changed_since(machine: Machine) -> None:
    """It is not touched, nor is any other, and that is said."""
    apply(recipe("macos", HERE, ("local", "dev.example.test")), machine.place)
    path = machine.path("/etc/resolver/local")
    path.write_text("nameserver 192.0.2.7\n")
    before = machine.everything()
    failed = undo(machine.place)
    assert failed == Failed(f"{path}: somebody has changed it since; see to it by hand")
    assert machine.everything() == before


def test_what_somebody_has_added_is_not_overwritten(machine: Machine) -> None:
    """Another --apply does not write over what is neither ours nor what was there before."""
    apply(recipe("dnsmasq", HERE, ("local",)), machine.place)
    path = machine.path(CONF)
    edited = path.read_bytes() + b"server=/corp/192.0.2.7\n"
    path.write_bytes(edited)
    failed = apply(recipe("dnsmasq", Server("127.0.0.1", 8054), ("local",)), machine.place)
    assert failed == Failed(f"{path}: somebody has changed it since; see to it by hand")
    assert path.read_bytes() == edited


def test_a_file_that_somebody_has_put_back(machine: Machine) -> None:
    """That is what is wanted."""
    before = machine.everything()
    apply(recipe("dnsmasq", HERE, ("local",)), machine.place)
    machine.path(CONF).write_bytes(b"server=/local/192.0.2.1\r\n\xff")
    assert isinstance(undo(machine.place), Done)
    assert machine.everything() == before


def test_an_undo_whose_service_fails(machine: Machine) -> None:
    """The files are back all the same, and the user is told what does not work."""
    before = machine.everything()
    apply(recipe("dnsmasq", HERE, ("local",)), machine.place)
    machine.fail = "exit code 1"
    failed = undo(machine.place)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("all files are as they were, but `systemctl restart dnsmasq`")
    assert machine.everything() == before


@pytest.mark.parametrize("text", ["{}", '{"files": {"/etc/x": {}}, "reloads": {}}', '{"files": 1}'])
def test_a_damaged_record(machine: Machine, text: str) -> None:
    """It is not guessed what it meant."""
    apply(recipe("dnsmasq", HERE, ("local",)), machine.place)
    machine.place.record.write_text(text)
    before = machine.everything()
    failed = undo(machine.place)
    assert failed == Failed(f"{machine.place.record}: is damaged")
    assert machine.everything() == before


@contextmanager
def crashing() -> Iterator[None]:
    """Let what is inside end as by a power cut."""
    with pytest.raises(KeyboardInterrupt):
        yield


def test_a_crash_can_be_taken_back(machine: Machine) -> None:
    """The record is there before the first file is."""
    before = machine.everything()

    def crash(command: Sequence[str]) -> str | None:
        raise KeyboardInterrupt(command)

    place = machine.place
    broken = Place(place.record, place.root, crash, place.is_active)
    with crashing():
        apply(recipe("networkmanager", HERE, ("local",)), broken)
    assert set(json.loads(place.record.read_text())) == {"files", "reloads"}
    assert isinstance(undo(place), Done)
    assert machine.everything() == before


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("true",), None),
        (("sh", "-c", "echo 'no\x1bthing' >&2; exit 3"), "exit code 3: no?thing"),
        (("/nonexistent",), "[Errno 2] No such file or directory: '/nonexistent'"),
    ],
)
def test_commands(command: tuple[str, ...], why: str | None) -> None:
    """A command that fails says why, without what moves the cursor."""
    said = change.run(command)
    assert (said is None) == (why is None)
    assert said is None or (said.split(":")[0] == str(why).split(":")[0] and "\x1b" not in said)
