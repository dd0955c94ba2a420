"""``ocr-router doctor`` and ``why`` on a host of the LAN, and the advice they give, followed."""

from __future__ import annotations

import json
from typing import Any

from tests.rig.lan import Completed, Host
from tests.rig.router import COMMAND
from tests.rig.station import environment

Found = dict[str, Any]


def program(host: Host, *arguments: object, **environment_: str) -> Completed:
    """Run ``ocr-router`` on a host as its user does, in the environment of the router there."""
    own = {k: v for k, v in environment(host).items() if k.startswith(("OCR_", "HOME"))}
    variables = [f"{name}={value}" for name, value in (own | environment_).items()]
    return host.call("env", *variables, COMMAND, *arguments)


def diagnosed(host: Host, code: str, *flags: object, **environment_: str) -> list[Found]:
    """Return what one check finds."""
    arguments = ("doctor", "--json", "--only", code, "--username", "alice", *flags)
    done = program(host, *arguments, **environment_)
    assert done.returncode in {0, 1}, done
    found = json.loads(done.stdout)["checks"]
    problems = any(one["status"] in {"warning", "error"} for one in found)
    assert done.returncode == int(problems)
    assert {one["code"] for one in found} == {code}
    return list(found)


def ailing(found: list[Found], status: str = "error") -> Found:
    """Return the only finding of this status; a problem comes with all that is promised of one."""
    [one] = [item for item in found if item["status"] == status]
    assert one["evidence"] or one["summary"]
    assert one["why"]
    assert one["mend"]
    return one


def healthy(found: list[Found]) -> bool:
    """Tell whether nothing is to be mended, and something was seen."""
    statuses = {one["status"] for one in found}
    return "ok" in statuses and not statuses & {"warning", "error"}


def follow(host: Host, advice: str) -> None:
    """Do what a finding advises, as root of that host."""
    host.run("sh", "-ec", advice.removeprefix("sudo "))


def asked_why(host: Host, *arguments: object, **environment_: str) -> tuple[int, list[Found]]:
    """Return the exit code of ``why``, and its hops."""
    done = program(host, "why", "--json", *arguments, **environment_)
    assert done.stdout, done
    return done.returncode, list(json.loads(done.stdout)["hops"])
