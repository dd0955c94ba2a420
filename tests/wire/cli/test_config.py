"""``ocr-router config``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.wire.cli.conftest import Run


def test_config_tells_values_and_origins(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    """Flag, environment, file and default each show as such, in text and as JSON."""
    file = tmp_path / "config.toml"
    file.write_text('scan_interval = "1m30s"\nscan_start = 1\n')
    environment |= {"OCR_CONFIG": str(file), "OCR_SCAN_START": "4000"}
    text = run("config", "--port", "9000", "--mdns=false").stdout
    rows = {line.split(" = ")[0].strip(): line.split(" = ")[1] for line in text.splitlines()[1:]}
    assert rows["port"].split() == ["9000", "#", "flag"]
    assert rows["mdns"].split() == ["false", "#", "flag"]
    assert rows["scan_start"].split() == ["4000", "#", "environment"]
    assert rows["scan_interval"].split() == ['"1m30s"', "#", "file"]
    assert rows["probe_timeout"].split() == ['"800ms"', "#", "default"]
    shown = json.loads(run("config", "--json").stdout)
    assert shown["scan_start"] == {"value": 4000, "origin": "environment"}


def test_config_shows_no_secret(run: Run, environment: dict[str, str]) -> None:
    """Passwords are set or not, that is all; and a size is shown as it is written."""
    environment["OCR_PASSWORD"] = "secretive"
    text = run("config", "--backend", "shop=http://me:secretive@box:1", "--log-size", "2GB").stdout
    json_ = run("config", "--json", "--backend", "shop=http://me:secretive@box:1").stdout
    assert "secretive" not in text + json_
    rows = {line.split(" = ")[0].strip(): line.split(" = ")[1] for line in text.splitlines()[1:]}
    assert rows["password"].split() == ['"**********"', "#", "environment"]
    assert rows["backend"].split() == ['["shop=http://***@box:1"]', "#", "flag"]
    assert rows["allow_host"].split() == ["[]", "#", "default"]
    assert rows["log_size"].split() == ['"2000MB"', "#", "flag"]
