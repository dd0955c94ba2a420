"""A command that could not do what it was asked."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - an expected end, not a broken promise
    """One line for the user: what happened, to what, what to do. ``code`` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
