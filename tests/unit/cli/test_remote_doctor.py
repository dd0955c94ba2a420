"""What is wrong on the way to the hosts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.cli.conftest import BARE, NOW, WEB2, Ocr, entry, fleet, web1

from opencoderouter.core.fleet.model import HostState, Report, Via

CHANGED = entry("old", Report(HostState.HOST_KEY_CHANGED, NOW, reason="another key"))


def checks(ocr: Ocr) -> dict[str, list[dict[str, object]]]:
    """Return what it found, by code."""
    found: dict[str, list[dict[str, object]]] = {}
    for one in json.loads(ocr("doctor", "--json")[1])["checks"]:
        found.setdefault(one["code"], []).append(one)
    return found


def test_a_fleet_that_is_well(ocr: Ocr) -> None:
    """Nothing is to be mended: exit code 0."""
    ocr.opened.fleet.set(fleet(web1()))
    code, out, err = ocr("doctor")
    assert (code, err) == (0, "")
    assert "The configuration is right" in out
    assert "1 host online, with OpenCode" in out


def test_every_host_that_is_not_well_has_what_mends_it(ocr: Ocr) -> None:
    """And why it matters; a command that is known goes before the usual one."""
    ocr.opened.fleet.set(fleet(web1(), WEB2, CHANGED))
    assert ocr("doctor")[0] == 1
    first, *rest = checks(ocr)["host"]
    assert first["status"] == "ok"
    assert [(one["status"], one["summary"], one["mend"]) for one in rest] == [
        ("error", "web2: unreachable: Connection refused", ["ssh -v web2"]),
        (
            "error",
            "old: host_key_changed: another key",
            ["ask who runs it, then: ssh-keygen -R old"],
        ),
    ]
    assert all(one["why"] for one in rest)


def test_a_part_that_failed_and_another_transport(ocr: Ocr) -> None:
    """Both are told; the second is nothing to mend."""
    report = Report(HostState.ONLINE, NOW, via=Via.OPENSSH, via_reason="a FIDO key")
    ocr.opened.fleet.set(fleet(BARE, entry("fido", report)))
    found = checks(ocr)
    assert found["probe"][0]["summary"] == "bare: live: late"
    assert found["probe"][0]["status"] == "warning"
    assert found["transport"][0]["summary"] == "fido: by the system's ssh: a FIDO key"
    assert found["transport"][0]["status"] == "info"


def test_the_configurations(ocr: Ocr, tmp_path: object) -> None:
    """Ours by line, once; that of ssh as it was read."""
    with open(f"{tmp_path}/c.yaml", "w") as file:  # noqa: PTH123 - a file of the test
        file.write("polling: {intervall: 3}")
    ocr.opened.fleet.set(replace(fleet(web1()), problems=("config: line 3: bad",)))
    code, out, err = ocr("doctor", "--json", "--config", f"{tmp_path}/c.yaml")
    found = {one["code"]: one for one in json.loads(out)["checks"]}
    assert (code, err) == (1, "")
    assert "c.yaml:1:11: polling.intervall" in found["config"]["summary"]
    assert found["ssh"]["summary"] == "config: line 3: bad"


@pytest.mark.parametrize("state", [one for one in HostState if one is not HostState.ONLINE])
def test_every_state_has_its_words(ocr: Ocr, state: HostState) -> None:
    """None is left without a way on."""
    ocr.opened.fleet.set(fleet(entry("a", Report(state, NOW, blocked_by="jump"))))
    (one,) = checks(ocr)["host"]
    assert one["why"]
    assert one["mend"]
