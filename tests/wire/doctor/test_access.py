"""Who can reach a real router, in a network of its own: what is open there is open to nobody."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.rig.netns import why_no_network
from tests.rig.router import COMMAND

SCRIPT = """
ip link set lo up
run() {
    ocr-router serve --mdns=false --port 8080 "$@" >>log 2>&1 & router=$!
    until ocr-router ls >>log 2>&1; do kill -0 $router; sleep 0.1; done
    ocr-router doctor --json --only exposure "$@" >>found || true
    echo >>found
    kill $router; wait $router || true
}
run --auth off
run --auth auto
run --auth off --hostname 127.0.0.1
"""


@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "-")
def test_open_to_everybody(tmp_path: Path) -> None:
    """A router that asks nobody is an error; with either of the advised options it is none."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    path = f"{COMMAND.parent}:{os.environ['PATH']}"
    subprocess.run(
        ["unshare", "--net", "sh", "-ec", SCRIPT],
        cwd=tmp_path,
        env=kept | {"HOME": str(tmp_path), "PATH": path},
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=55,
    )
    text = (tmp_path / "found").read_text()
    decoder, found = json.JSONDecoder(), []
    while text.strip():
        said, end = decoder.raw_decode(text.lstrip())
        found += said["checks"]
        text = text.lstrip()[end:]
    opened, guarded, near = found
    assert opened["status"] == "error"
    assert opened["evidence"][0].startswith("listens on 0.0.0.0")
    assert opened["mend"] == [
        "ocr-router serve --auth auto",
        "ocr-router serve --hostname 127.0.0.1",
    ]
    assert guarded["status"] == "info"
    assert guarded["evidence"][-1] == "plain HTTP, asks others for the password"
    assert near["status"] == "ok"
