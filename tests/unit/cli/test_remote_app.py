"""What is a command, what is a host, and how it all ends."""

from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter import __version__
from opencoderouter.cli.remote_app import COMMANDS, split
from opencoderouter.core.fleet.preferences import Preferences

SCREEN = "[HOST]..."


@pytest.mark.parametrize(
    ("typed", "words", "tail"),
    [
        ("", f"{SCREEN}", ""),
        ("web1 me@web2", f"{SCREEN} web1 me@web2", ""),
        ("web1 ls", f"{SCREEN} web1 ls", ""),
        ("ls", "ls", ""),
        ("-- ls", f"{SCREEN} -- ls", "ls"),
        ("--debug web1", f"--debug {SCREEN} web1", ""),
        ("--config ls", f"--config ls {SCREEN}", ""),
        ("--config ls hosts", "--config ls hosts", ""),
        ("--config=x hosts --json", "--config=x hosts --json", ""),
        ("--help", f"--help {SCREEN}", ""),
        ("exec a b -- ls -l -- x", "exec a b", "ls -l -- x"),
        ("--debug exec a --", "--debug exec a", ""),
        ("new -- a b", "new -- a b", ""),
        ("screen", f"{SCREEN} screen", ""),
    ],
)
def test_commands_win_unless_it_is_said_otherwise(typed: str, words: str, tail: str) -> None:
    """The first word decides; what is behind ``--`` of exec is not ours."""
    assert split(typed.split()) == (words.split(), tuple(tail.split()))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(ocr: Ocr, command: str) -> None:
    """With the options that all have, and without asking anybody."""
    code, out, err = ocr(command, "--help")
    assert (code, err, ocr.opened.opened) == (0, "", [])
    assert out.startswith(f"Usage: ocr {command} ")
    if command not in ("config", "completion"):
        assert "--ssh-config FILE" in out


def test_help_names_commands_and_exit_codes(ocr: Ocr) -> None:
    """But not what is no command."""
    code, out, _ = ocr("--help")
    assert code == 0
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert "3 some hosts, or their sessions, could not be read" in " ".join(out.split())
    assert f"\n  {SCREEN} " not in out


def test_version(ocr: Ocr) -> None:
    """Also among other options."""
    assert ocr("--debug", "--version")[1] == f"ocr {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--nonsense",), "No such option: --nonsense (see `ocr --help`)"),
        (("web1", "--nonsense"), "No such option: --nonsense (see `ocr --help`)"),
        (("hosts", "--jsn"), "No such option: --jsn"),
        (("sessions", "--state", "dead"), "Invalid value for '--state'"),
        (("config",), "Missing command. (see `ocr config --help`)"),
        (("attach",), "Missing argument 'SESSION|HOST:DIR'. (see `ocr attach --help`)"),
        (("--config", "/no/such", "ls"), "--config /no/such: there is no such file"),
        (("ls", "--ssh-config", "/no/such"), "--ssh-config /no/such: there is no such file"),
        (("ls", "--ssh-config", "/"), "--ssh-config /: is a directory, not a file"),
        (("--", "-oProxyCommand=x"), "-oProxyCommand=x: this is no host: it begins with a hyphen"),
    ],
)
def test_a_wrong_command_line(ocr: Ocr, arguments: tuple[str, ...], words: str) -> None:
    """It is one line on stderr, exit code 2, and nobody is asked."""
    code, out, err = ocr(*arguments)
    assert (code, out, err.count("\n"), ocr.opened.opened) == (2, "", 1, [])
    assert words in err


@pytest.mark.parametrize("place", [0, 1])
def test_options_stand_before_or_behind_the_command(ocr: Ocr, tmp_path: object, place: int) -> None:
    """They mean the same."""
    config = f"{tmp_path}/c.yaml"
    with open(config, "w") as file:  # noqa: PTH123 - a file of the test
        file.write("polling: {interval: 7s}")
    words = ["hosts"]
    words[place:place] = ["--config", config, "--ssh-config", config]
    assert ocr(*words)[0] == 0
    preferences = ocr.opened.opened[0][0]
    assert (preferences.polling.interval, preferences.ssh.config) == (7, config)


def test_what_is_wrong_with_the_configuration_is_told(ocr: Ocr, tmp_path: object) -> None:
    """And the rest of it is used."""
    config = f"{tmp_path}/c.yaml"
    with open(config, "w") as file:  # noqa: PTH123 - a file of the test
        file.write("polling: {interval: soon, timeout: 3s}")
    code, _, err = ocr("hosts", "--config", config)
    assert (code, ocr.opened.opened[0][0].polling.timeout) == (0, 3)
    assert err == f"ocr: {config}:1:21: polling.interval: soon: must be 1s to 31d\n"


def test_a_fleet_is_opened_with_the_defaults(ocr: Ocr) -> None:
    """Where there is no file."""
    ocr("hosts")
    assert ocr.opened.opened == [(Preferences(), (), None)]
