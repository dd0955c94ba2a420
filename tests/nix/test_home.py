"""The home-manager module: a user service on Linux, an agent of launchd on macOS."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from tests.nix.test_nixos import service
from tests.rig.nix import ROOT, Json, Nix

LINUX, MACOS = "x86_64-linux", "aarch64-darwin"
PLACES = {"ExecStart", "Environment", "EnvironmentFile"}
# The same of launchd: the label is home-manager's.
PATHS = {"ProgramArguments", "EnvironmentVariables", "StandardOutPath", "StandardErrorPath"}


def home(nix: Nix, system: str, text: str, wanted: str) -> Json:
    """Return something of a home with these options of the service."""
    module = f"{{ services.opencoderouter = {{ enable = true; {text} }}; }}"
    return nix.evaluate(f'(home "{system}" {module}).{wanted}')


def test_linux(nix: Nix) -> None:
    """The service is the user service that is deployed by hand, with what stands elsewhere here."""
    text = 'projects = [ "/home/alice/a b" ]; environmentFile = "/run/secrets/x";'
    unit = home(nix, LINUX, text, "config.systemd.user.services.opencoderouter")
    made = unit["Service"]
    model = service((ROOT / "deploy/systemd/user/opencoderouter.service").read_text())
    for key in (model.keys() | made.keys()) - PLACES:
        assert [made[key]] == model[key], key
    assert made["ExecStart"].endswith('/bin/ocr-router" "serve" "--" "/home/alice/a b"')
    assert made["EnvironmentFile"] == "/run/secrets/x"
    (path,) = made["Environment"]
    assert path.startswith("PATH=/home/alice/.nix-profile/bin:")
    assert unit["Install"] == {"WantedBy": ["default.target"]}


def test_new_settings_restart_it(nix: Nix) -> None:
    """A changed setting changes the unit, so that home-manager starts the router again."""
    wanted = "config.systemd.user.services.opencoderouter.Unit.X-Restart-Triggers"
    one = home(nix, LINUX, "settings.port = 8081;", wanted)
    assert one != home(nix, LINUX, "settings.port = 8082;", wanted)


def test_settings(nix: Nix) -> None:
    """They are where all commands of the user's read them."""
    text = 'settings = { port = 8081; fleet = true; hostname = "127.0.0.1"; };'
    wanted = 'config.xdg.configFile."opencoderouter/config.toml".source'
    written = Path(home(nix, LINUX, text, wanted)).read_text()
    assert written == 'fleet = true\nhostname = "127.0.0.1"\nport = 8081\n'


def test_macos(nix: Nix) -> None:
    """The agent is the one that is deployed by hand; words stay as they are; no unit of systemd."""
    text = 'projects = [ "/Users/alice/100% $x" ];'
    config = home(nix, MACOS, text, "config.launchd.agents.opencoderouter.config")
    model = plistlib.loads((ROOT / "deploy/launchd/local.opencoderouter.plist").read_bytes())
    model.pop("Label")
    assert {key: config[key] for key in config.keys() - PATHS} == {
        key: model[key] for key in model.keys() - PATHS
    }
    log = "/Library/Logs/opencoderouter.log"
    assert f'>>"$HOME{log}" 2>&1' in model["ProgramArguments"][-1]
    assert config["StandardOutPath"] == config["StandardErrorPath"] == f"/home/alice{log}"
    assert config["EnvironmentVariables"]["PATH"].startswith("/home/alice/.nix-profile/bin:")
    assert config["ProgramArguments"][1:] == ["serve", "--", "/Users/alice/100% $x"]
    assert config["ProgramArguments"][0].endswith("/bin/ocr-router")
    assert home(nix, MACOS, text, "config.systemd.user.services") == {}
    assert home(nix, LINUX, text, "config.launchd.agents") == {}


@pytest.mark.parametrize(
    ("system", "text", "reason"),
    [
        (LINUX, 'settings.password = "secret-word";', "OCR_PASSWORD="),
        (MACOS, 'environmentFile = "/run/secrets/x";', "settings.password_file"),
    ],
)
def test_refused(nix: Nix, system: str, text: str, reason: str) -> None:
    """What cannot work, or would tell a secret, is refused with what to do instead."""
    (message,) = home(nix, system, text, "failed")
    assert reason in message
    assert "secret-word" not in message
