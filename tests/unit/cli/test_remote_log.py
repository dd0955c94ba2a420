"""The log is a file, and nothing else."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter.cli import remote_log


def test_lines_go_to_the_file_of_the_user_alone(ocr: Ocr, tmp_path: Path) -> None:
    """In the state directory, 0600, and not to the terminal."""
    remote_log.configure(None, debug=False)
    logging.getLogger("x").warning("a fact host=%s", "web\x1b1")
    logging.getLogger("x").debug("no fact")
    path = tmp_path / "state" / "opencoderouter" / "ocr.log"
    assert remote_log.default_path() == path
    assert path.read_text().endswith("WARNING x: a fact host=web\\x1b1\n")
    assert "no fact" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert tuple(ocr.capture.readouterr()) == ("", "")


def test_debug_logs_more_but_no_packets(ocr: Ocr, tmp_path: Path) -> None:
    """What paramiko says of every packet is left out."""
    del ocr
    path = tmp_path / "my.log"
    remote_log.configure(path, debug=True)
    logging.getLogger("x").debug("a fact")
    logging.getLogger("paramiko.transport").debug("a packet")
    assert "a fact" in path.read_text()
    assert "a packet" not in path.read_text()


@pytest.mark.parametrize("command", [("hosts",), ("ls", "--debug")])
def test_every_command_has_it(ocr: Ocr, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Also without a screen."""
    ocr(*command)
    assert (tmp_path / "state" / "opencoderouter" / "ocr.log").exists()


def test_another_file(ocr: Ocr, tmp_path: Path) -> None:
    """It is used; one that cannot be is the end of the command."""
    assert ocr("hosts", "--log-file", f"{tmp_path}/a.log")[0] == 0
    assert (tmp_path / "a.log").exists()
    code, _, err = ocr("hosts", "--log-file", f"{tmp_path}/no/a.log")
    assert code == 1
    assert err == f"ocr: --log-file {tmp_path}/no/a.log: No such file or directory\n"


def test_where_there_can_be_no_log(ocr: Ocr, tmp_path: Path) -> None:
    """It is told, and the command does its work."""
    (tmp_path / "state").write_text("in the way")
    code, out, err = ocr("hosts", "--json")
    assert (code, out[0]) == (0, "[")
    assert err.startswith("ocr: no log is written: ")


def test_a_full_disk_ends_nothing(ocr: Ocr, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that cannot be written is lost, in silence."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    remote_log.configure(None, debug=False)
    monkeypatch.setattr("os.write", full)
    logging.getLogger("x").warning("a fact")
    monkeypatch.undo()
    assert tuple(ocr.capture.readouterr()) == ("", "")
