"""The log's two forms."""

from __future__ import annotations

import json
import logging
import sys

from opencoderouter.wiring.logs import JsonFormatter, TextFormatter


def record(message: str, *, error: bool = False) -> logging.LogRecord:
    """Return a record, with the error that is being handled if there is one."""
    info = sys.exc_info() if error else None
    return logging.LogRecord("a.b", logging.WARNING, "f", 1, message, (), info)


def test_json_is_one_object_a_line() -> None:
    """A line stays a line, whatever the message holds."""
    line = JsonFormatter().format(record("two\nlines ü"))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["message"] == "two\\nlines ü"
    assert (fields["level"], fields["logger"]) == ("warning", "a.b")


def test_json_carries_the_error() -> None:
    """A traceback is a field of the same line."""
    try:
        raise ValueError("broken")  # noqa: TRY301 - the error is what is being tested
    except ValueError:
        line = JsonFormatter().format(record("x", error=True))
    assert "ValueError: broken" in json.loads(line)["error"]


def test_text_cannot_be_forged() -> None:
    """A folder's name with a newline or an escape sequence stays in its line."""
    line = TextFormatter("%(levelname)s %(message)s").format(record("a\nINFO forged \x1b[2J"))
    assert line == "WARNING a\\nINFO forged \\x1b[2J"
