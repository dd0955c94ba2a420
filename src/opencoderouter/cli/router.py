"""``ocr-router``: the command line of the router.

Exit codes: 0 done, 1 could not be done (the reason on stderr), 2 the command line is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from opencoderouter import __version__
from opencoderouter.kernel.init import stand_in

_SWITCHES = {"true": "", "1": "", "false": "no-", "0": "no-"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ocr-router``; never returns."""
    stand_in()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-V"]):  # without loading a command line parser
        sys.stdout.write(f"ocr-router {__version__}\n")
        sys.exit(0)
    if given[:1] == ["health"] and (code := _health(given[1:])) is not None:
        sys.exit(code)
    from opencoderouter.cli.app import run

    sys.exit(run([_switch(argument) for argument in given]))


def serve_main() -> None:
    """Run ``opencoderouter [PROJECT]...``: the name and the arguments of the original program."""
    main(sys.argv[1:] if sys.argv[1:] == ["--version"] else ["serve", *sys.argv[1:]])


def _health(arguments: Sequence[str]) -> int | None:
    from opencoderouter.cli.health import quick

    return quick(arguments)


def _switch(argument: str) -> str:
    """Return ``--no-mdns`` for ``--mdns=false``, as the original program had it."""
    name, mark, value = argument.partition("=")
    if name == "--mdns" and mark and value.lower() in _SWITCHES:
        return f"--{_SWITCHES[value.lower()]}mdns"
    return argument


if __name__ == "__main__":
    main()
