"""How ``ocr`` tells that it could not go on: one line, whatever it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

_HOMELESS = "Could not determine home directory"  # pathlib's RuntimeError


def tell(error: BaseException) -> int:
    """Tell of a failure; return the exit code. Of one that nobody expected the log has the rest."""
    leaves = list(_leaves(error))
    failure = next((one for one in leaves if isinstance(one, Failure)), None)
    if failure is not None:
        return say(str(failure), failure.code)
    if any(_HOMELESS in str(one) for one in leaves):
        return say("you have no home directory: set HOME to a directory of yours", 1)
    from opencoderouter.cli import remote_log

    path = remote_log.unexpected(error)
    more = f" ({path} has more)" if path else ""
    return say(printable(f"unexpected: {type(leaves[0]).__name__}: {leaves[0]}{more}"), 1)


def say(text: str, code: int) -> int:
    """Tell something, if it is anything; return the exit code."""
    if text.strip():
        sys.stderr.write(f"ocr: {text}\n")
    return code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Return what a group of exceptions is made of."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
