"""The questions before something is changed: exactly what happens, and to what."""

from __future__ import annotations

from collections.abc import Sequence

from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.choose import Choice, Choose

STOP, ARCHIVE, YES, NO = "s", "a", "y", "n"

_LEAVE = Choice(NO, "No, leave it")
_FOR_GOOD = "Hidden from all lists; OpenCode has no way back."


def kill(host: str, title: str, *, busy: bool) -> Choose:
    """Ask what is to become of a session."""
    now = "It is at work now." if busy else "As far as is known it does nothing now."
    return Choose(
        "Stop or archive",
        f"{_of(title, host)}\n\n{now}",
        (
            Choice(NO, "Leave it"),
            Choice(STOP, "Stop the work", "Abort: what it does now ends, the session stays."),
            Choice(ARCHIVE, "Archive the session", _FOR_GOOD),
        ),
    )


def archive_all(sessions: Sequence[tuple[str, str]]) -> Choose:
    """Ask whether the marked sessions, each (host, title), are to be archived."""
    listed = "\n".join(f"  {printable(title)}  ({printable(host)})" for host, title in sessions)
    label = f"Yes, archive all {len(sessions)}"
    return Choose(
        "Archive the marked sessions",
        f"Archive these {len(sessions)} sessions:\n{listed}",
        (_LEAVE, Choice(YES, label, _FOR_GOOD)),
    )


def delete(host: str, title: str, identity: str) -> Choose:
    """Ask whether a session is to be deleted."""
    return Choose(
        "Delete a session",
        f"{printable(title)}\n{_of(identity, host)}\n\n"
        "It is exported as JSON to a file of this machine first; if that fails, it is kept.",
        (_LEAVE, Choice(YES, "Yes, export and delete it", "Its messages are gone on the host.")),
    )


def restart(host: str, directory: str) -> Choose:
    """Ask whether the servers of a directory are to be started again."""
    return Choose(
        "Restart the server",
        f"{_of(directory, host)}\n\nThe OpenCode servers of this directory end, and one is started."
        "\nWork that goes on there stops; sessions stay.",
        (_LEAVE, Choice(YES, "Yes, restart it")),
    )


def start(host: str, directory: str) -> Choose:
    """Ask whether a server is to be started in a directory."""
    return Choose(
        "Start a server",
        f"Start an OpenCode server in\n{_of(directory, host)}",
        (_LEAVE, Choice(YES, "Yes, start it")),
    )


def _of(what: str, host: str) -> str:
    """Return two lines, and two only: no name of others passes for a line of ours."""
    return f"{printable(what)}\non {printable(host)}"
