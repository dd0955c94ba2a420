"""``doctor`` as typed: exit codes, what it prints, what it mends and leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest
from tests.rig.diagnosis import Patient
from tests.rig.netns import why_no_network
from tests.rig.ports import free_port, free_range
from tests.rig.program import stand_in
from tests.rig.router import COMMAND
from tests.rig.tmux import tmux

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/doctor.schema.json").read_text())
SECRET = "zebra-eleven-kiosk"
OPENCODE = '#!/bin/sh\n[ "$1" = --version ] && echo 1.18.33 && exit\nexec {standin} "$@"\n'


@pytest.fixture
def patient(environment: dict[str, str], tmp_path: Path) -> Patient:
    """Return somebody with an OpenCode that tells its version, and a port of their own."""
    program = tmp_path / "opencode"
    program.write_text(OPENCODE.format(standin=stand_in(tmp_path / "bin") / "opencode"))
    program.chmod(0o755)
    ports = free_range()
    settings = {
        "OCR_PORT": str(free_port()),
        "OCR_HOSTNAME": "127.0.0.1",
        "OCR_OPENCODE": str(program),
        "OCR_SCAN_START": str(ports[0]),
        "OCR_SCAN_END": str(ports[-1]),
    }
    return Patient(environment | settings)


OWN = """config router port scan-range opencode opencode-version listeners managed state-dir
password exposure container open-files clock terminal user versions""".split()
ALONE = ("unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
ONLY = [word for code in OWN for word in ("--only", code)]


SCRIPT = """
ip link set lo up
ocr-router doctor --json {only} >down || echo $? >>down
ls -A >made
ocr-router serve --mdns=false shop >log 2>&1 & router=$!
until ocr-router ls 2>>log | grep -q ' ready '; do kill -0 $router; sleep 0.1; done
ocr-router doctor --json {only} >up || echo $? >>up
kill $router; wait $router
"""


@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "-")
def test_quiet_on_a_healthy_machine(patient: Patient, tmp_path: Path) -> None:
    """No problem, without a router or with one; nothing is made by looking.

    On a machine of its own: what else runs here may well have problems.
    """
    (tmp_path / "shop").mkdir()
    path = f"{COMMAND.parent}:{os.environ['PATH']}"
    subprocess.run(
        [*ALONE, "sh", "-ec", SCRIPT.format(only=" ".join(ONLY))],
        cwd=tmp_path,
        env={**patient.environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=55,
    )
    assert ".local" not in (tmp_path / "made").read_text().split()
    down, up = (json.loads((tmp_path / name).read_text()) for name in ("down", "up"))
    found = []
    for said in (down, up):
        jsonschema_rs.validator_for(SCHEMA).validate(said)
        found.append({row["code"]: row["status"] for row in said["checks"]})
        assert set(found[-1]) == set(OWN)
        assert not {"warning", "error"} & set(found[-1].values()), said
    assert (found[0]["router"], found[0]["managed"]) == ("info", "skipped")
    assert {found[1][code] for code in ("router", "managed", "listeners", "port")} == {"ok"}


def test_codes(patient: Patient) -> None:
    """``--list`` has them all; one that is not there is exit code 2, and those there are named."""
    listed = patient.doctor("--list")
    codes = [line.split()[0] for line in listed.stdout.splitlines()]
    assert set(OWN) <= set(codes)
    done = patient.doctor("--only", "prot")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"ocr-router: --only prot: there is no such check; there are {', '.join(codes)}\n"
    )


def test_one_check_only(patient: Patient) -> None:
    """What was not asked for is not looked at."""
    done = patient.doctor("--json", "--only", "clock", "--only", "user")
    assert [row["code"] for row in json.loads(done.stdout)["checks"]] == ["clock", "user"]


def test_a_flag_that_cannot_be_used(patient: Patient) -> None:
    """The command line is wrong: exit code 2, nothing is looked at."""
    done = patient.doctor("--port", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ocr-router: --port x: must be 1 to 65535\n"


@pytest.mark.parametrize("where", ["file", "environment"])
def test_settings_that_cannot_be_used(patient: Patient, tmp_path: Path, where: str) -> None:
    """Doctor runs all the same and says so; the user mends what it names."""
    config = tmp_path / ".config/opencoderouter/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("grace = 'long'\n" if where == "file" else "")
    extra = {"OCR_GRACE": "long"} if where == "environment" else {}
    ill = Patient({**patient.environment, **extra})
    row = ill.worst("config")
    assert row["status"] == "error"
    assert "must be a duration" in row["evidence"][0]
    config.write_text("")
    assert patient.worst("config")["status"] == "ok"


def test_nothing_that_is_secret(patient: Patient, tmp_path: Path) -> None:
    """Home directory and secrets are in no output; paths still work in a shell."""
    state = tmp_path / "my state"
    state.mkdir(mode=0o700)
    (state / "secrets.json").write_text(json.dumps({"password": SECRET, "key": "0" * 64}))
    (state / f"{SECRET}.json").touch()
    for file in state.iterdir():
        file.chmod(0o604)
    environment = {**patient.environment, "OCR_STATE_DIR": str(state), "X_TOKEN": "tell-nobody"}
    ill = Patient({**environment, "OCR_PASSWORD": "tell-nobody-else"})
    for form in ([], ["--json"]):
        said = ill.doctor(*form, *ONLY)
        assert said.returncode == 1
        for word in (SECRET, "tell-nobody", str(tmp_path)):
            assert word not in said.stdout + said.stderr
    rows = ill.diagnose("state-dir")
    (advice,) = next(row["mend"] for row in rows if "secrets.json" in row["mend"][0])
    assert advice == "chmod go= ~/'my state/secrets.json'"
    ill.follow(advice)
    assert len(ill.diagnose("state-dir")) == len(rows) - 1


def test_fix(patient: Patient, tmp_path: Path) -> None:
    """Without a terminal it needs ``--yes``; then it mends, and says how to undo it."""
    state = tmp_path / ".local/state/opencoderouter"
    state.mkdir(parents=True)
    state.chmod(0o755)
    done = patient.doctor("--fix", "--only", "state-dir")
    assert done.returncode == 1
    assert done.stderr == "ocr-router: --fix: nobody can be asked, nothing is done (--yes)\n"
    assert state.stat().st_mode & 0o777 == 0o755
    done = patient.doctor("--fix", "--yes", "--json", "--only", "state-dir")
    assert [row["status"] for row in json.loads(done.stdout)["checks"]] == ["ok"]
    assert done.returncode == 0
    assert state.stat().st_mode & 0o777 == 0o700
    undo = done.stderr.partition("undone by: ")[2].strip()
    assert undo == "chmod 755 ~/.local/state/opencoderouter"
    patient.follow(undo)
    assert patient.worst("state-dir")["status"] == "error"


def test_nothing_to_fix(patient: Patient) -> None:
    """It is said."""
    done = patient.doctor("--fix", "--only", "clock")
    assert done.returncode == 0
    assert done.stderr == "ocr-router: nothing here can be mended by --fix\n"


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal(patient: Patient, tmp_path: Path, columns: int) -> None:
    """It asks before it mends; no line is wider than the screen, so that none is broken twice."""
    state = tmp_path / ".local/state/opencoderouter"
    state.mkdir(parents=True)
    state.chmod(0o755)
    environment = {**patient.environment, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
    with tmux(tmp_path / "socket", environment) as screen:
        screen.tmux("resize-window", "-x", str(columns), "-y", "50")
        screen.run("ocr-router doctor --fix --only state-dir --only terminal; echo code=$?")
        screen.wait_for("[y/N]")
        shown = screen.screen()
        assert "✗ error" in shown
        assert "mend  chmod go= ~/.local" in shown
        screen.run("y")
        screen.wait_for("code=0")
        assert "✓ ok" in screen.screen()
    assert state.stat().st_mode & 0o777 == 0o700


def test_for_programs(patient: Patient) -> None:
    """Checks are listed as JSON, too; the schema is the one of the documentation."""
    listed = json.loads(patient.doctor("--list", "--json", "--only", "port").stdout)
    assert listed == [{"code": "port", "title": "The router's port"}]
    assert json.loads(patient.doctor("--schema").stdout) == SCHEMA


def test_yes_without_fix(patient: Patient) -> None:
    """It is a mistake, and said."""
    done = patient.doctor("--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ocr-router: --yes: goes with --fix\n"


def test_a_home_that_cannot_be_used(patient: Patient, tmp_path: Path) -> None:
    """It is named: it is no secret, and else nobody knew which."""
    file = tmp_path / "file"
    file.touch()
    home = str(file / "home")
    row = Patient({**patient.environment, "HOME": home}).worst("user")
    assert row["summary"] == f"The home directory {home} cannot be used"
    assert "***" not in " ".join(row["evidence"])


CUT = """
import os, signal, sys

class Member:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGINT)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "opencoderouter.doctor.checks":
            type("Late", (), {"member": Member()})

sys.meta_path.insert(0, Finder())
"""


def test_an_end_while_it_is_loaded(patient: Patient, tmp_path: Path) -> None:
    """Ctrl-C in the middle of an import ends it as ever: no traceback, exit code 130."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CUT)
    done = Patient({**patient.environment, "PYTHONPATH": str(folder)}).doctor("--only", "clock")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
