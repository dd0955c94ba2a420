"""``ocr``: the fleet of SSH hosts in the terminal. Its screens come with a later release."""

from __future__ import annotations

import sys

from opencoderouter import __version__

_HELP = """\
Usage: ocr [--version] [--help]

The OpenCode sessions of all your SSH hosts as one live tree. This release has the
router only (`ocr-router`); the tree is not part of it yet.
"""


def main() -> None:
    """Run ``ocr``; never returns."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"ocr {__version__}\n")
    elif arguments in ([], ["--help"], ["-h"]):
        sys.stdout.write(_HELP)
    else:
        sys.stderr.write(f"ocr: {arguments[0]}: unknown argument (see `ocr --help`)\n")
        sys.exit(2)
