"""An end for what waits for others, however slowly they answer."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def within(seconds: float, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``call`` returns, or raise what it raises.

    Raises TimeoutError when that takes longer; the call goes on then, until this process ends.
    A socket's own time-out would begin anew with each octet.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised below, whatever it is
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("timed out")
    return results[0]
