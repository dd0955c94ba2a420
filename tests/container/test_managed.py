"""A project whose server the router starts, inside of an image that has OpenCode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.engine import Engine
from tests.rig.model import model_server
from tests.rig.opencode import configuration
from tests.rig.ports import free_port, free_range
from tests.rig.processes import assert_gone, marked
from tests.rig.sessions import body
from tests.rig.vessel import Vessel, launched
from tests.rig.wait import until

pytestmark = pytest.mark.e2e
SHOP, SETTINGS = "/srv/shop", "/etc/opencode.json"
TOOL = "sleep 86399"


@pytest.fixture
def router(docker: Engine, opencode_image: str, tmp_path: Path) -> Iterator[Vessel]:
    """Run a router with one project; in the host's network, where the model is."""
    port, scan = free_port(), free_range()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop").chmod(0o777)
    (tmp_path / "opencode.json").touch()
    flags = {"--port": port, "--scan-start": scan[0], "--scan-end": scan[-1], "--mdns": "false"}
    mounts = [(tmp_path / "shop", SHOP, "rw"), (tmp_path / "opencode.json", SETTINGS, "ro")]
    with model_server() as model:
        (tmp_path / "opencode.json").write_text(json.dumps(configuration(model)))
        with launched(
            docker,
            opencode_image,
            *("serve", *(f"{flag}={value}" for flag, value in flags.items()), SHOP),
            url=f"http://localhost:{port}",
            env={"OPENCODE_CONFIG": SETTINGS, "OPENCODE_DISABLE_MODELS_FETCH": "1"},
            network_mode="host",
            volumes=[(str(here), there, mode) for here, there, mode in mounts],
        ) as running:
            yield running


def test_managed(router: Vessel) -> None:
    """The server is started, its agent's tools run, and none of them is left when it is stopped."""
    key = router.login()
    assert router.ready(SHOP, headers=key)["managed"]
    session = router.post("shop/session", {}, headers=key)["id"]
    command = body(f"setsid {TOOL} &", "bash")
    router.post(f"shop/session/{session}/prompt_async", command, headers=key)
    until(lambda: marked(router.mark, TOOL), what=router.log)
    router.post("api/backends/shop/stop", {}, headers=key)
    assert_gone(router.mark, TOOL)
    assert_gone(router.mark, "opencode serve")
    assert "defunct" not in str(router.container.get_wrapped_container().top())
    assert router.stop(within=10) == 0
