"""What a person types, as it stands."""

from __future__ import annotations

import json
import secrets
import subprocess

from tests.rig.engine import Engine
from tests.rig.image import NAME
from tests.rig.wait import until

from opencoderouter import __version__


def test_version(engine: Engine) -> None:
    """``run opencoderouter --version`` prints it: the arguments are those of the program."""
    assert __version__ in engine.run("run", "--rm", NAME, "--version")


def test_doctor(engine: Engine) -> None:
    """``run opencoderouter doctor`` looks at the container; nothing is broken there."""
    checks = json.loads(engine.call("run", "--rm", NAME, "doctor", "--json").stdout)["checks"]
    assert "container" in {one["code"] for one in checks}
    assert not [one for one in checks if one["status"] == "error"]


def test_run(engine: Engine) -> None:
    """``run opencoderouter`` runs the router; Ctrl-C's signal ends it well."""
    name = f"typed-{secrets.token_hex(6)}"
    command = [engine.program, "run", "--rm", "--name", name, NAME]
    with subprocess.Popen(
        command, env=engine.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("OpenCodeRouter")
        until(lambda: engine.call("exec", name, "ocr-router", "health").returncode == 0)
        process.terminate()
        assert process.wait(30) == 0
    assert name not in engine.run("ps", "--all", "--format", "{{.Names}}")
