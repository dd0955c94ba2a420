"""``ocr``: the fleet of SSH hosts in the terminal, as one live tree or by commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from opencoderouter import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ocr``; never returns."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-V"]):  # without loading a command line parser
        sys.stdout.write(f"ocr {__version__}\n")
        sys.exit(0)
    from opencoderouter.cli.remote_signals import quiet

    quiet()
    if not given and "_OCR_COMPLETE" not in os.environ:  # else a shell asks for words
        from opencoderouter.cli.remote_start import at_once

        sys.exit(at_once())
    from opencoderouter.cli.remote_app import run

    sys.exit(run(given))


if __name__ == "__main__":
    main()
