"""A project whose server fails, and is mended as advised."""

from __future__ import annotations

import os
from pathlib import Path

from tests.rig.diagnosis import Patient
from tests.rig.program import stand_in
from tests.rig.router import router
from tests.rig.wait import until

BROKEN = "#!/bin/sh\necho no model is configured, API_KEY=tell-nobody >&2\nexit 3\n"


def test_a_project_that_does_not_start(tmp_path: Path) -> None:
    """What it printed is told without its secrets; when that is mended, the advice brings it up."""
    shop = tmp_path / "shop"
    shop.mkdir()
    program = tmp_path / "opencode"
    program.write_text(BROKEN)
    program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    user = Patient(kept | {"HOME": str(tmp_path)})
    flags = {"--opencode": program}
    with router(
        [shop], environment=user.environment, log=tmp_path / "log", ready=False, flags=flags
    ) as running:
        options = ("--port", running.port, "--opencode", program)
        until(lambda: user.worst("managed", *options)["status"] == "error")
        row = user.worst("managed", *options)
        assert row["summary"] == "shop is failed"
        assert row["evidence"][0] == "directory ~/shop"
        assert row["evidence"][-1] == "| no model is configured, API_KEY=***"
        assert row["mend"][0] == "(cd ~/shop && ~/opencode serve)  # shows what it says"
        program.write_text((stand_in(tmp_path / "bin") / "opencode").read_text())
        user.follow(row["mend"][1])
        running.ready(shop)
        row = user.worst("managed", *options)
        assert (row["status"], row["summary"][-1]) == ("ok", "1")
