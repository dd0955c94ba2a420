"""Plays ``ocr hosts --watch --json``: prints what a folder says, and does as it says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Print hosts; then wait, end, or not listen: as the file that ``RIG_PLAY`` names has it."""
    play = json.loads(Path(os.environ["RIG_PLAY"]).read_text())
    Path(os.environ["RIG_PLAY"]).with_suffix(f".{os.getpid()}").write_text(
        json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ)})
    )
    if play.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stderr.write(play.get("stderr", ""))
    sys.stderr.flush()
    for line in play.get("lines", []):
        sys.stdout.write(line if isinstance(line, str) else json.dumps(line))
        sys.stdout.write("\n")
        sys.stdout.flush()
    if "code" in play:
        sys.exit(play["code"])
    while True:
        time.sleep(60)
