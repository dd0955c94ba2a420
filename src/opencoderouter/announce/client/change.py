"""Writes the files of a recipe, and takes them back: all of them or none, and byte for byte.

What stood there before is kept in a record until it is taken back.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from opencoderouter import private
from opencoderouter.announce.client import files
from opencoderouter.announce.client.files import Before
from opencoderouter.announce.client.recipes import Recipe
from opencoderouter.core.printable import printable

_PATIENCE = 60.0  # seconds for a service to start again
RECORD = Path("/var/lib/opencoderouter/dns-setup.json")
_RUNNING = Path("/run/systemd/system")  # sd_booted(3)

# Runs a command, and returns why it failed; None when it did not.
Run = Callable[[Sequence[str]], str | None]
Reload = tuple[str | None, tuple[str, ...]]  # the service, and the command
Commands = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: the files that changed, and the commands that were run.

    ``left`` are commands of services that do not run here: whoever starts them otherwise has to.
    """

    paths: tuple[str, ...]
    ran: Commands = ()
    left: Commands = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Why it was not done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """The machine. Its files are below ``root``; ``record`` is a file of a directory of ours.

    ``run`` runs commands; ``is_active`` tells whether a service runs.
    """

    record: Path
    root: Path
    run: Run
    is_active: Callable[[str], bool]

    def path(self, name: str) -> Path:
        """Return where a file is that a recipe names."""
        return self.root / name.removeprefix("/")


@dataclass(frozen=True, slots=True)
class _Kept:
    """The record: files as they were, digests of what was written instead, what to reload."""

    before: Mapping[str, Before]
    written: Mapping[str, str]
    reloads: Mapping[str, Reload]


def this_machine(record: Path = RECORD) -> Place:
    """Return the machine that this process runs on; ``record`` is the file for what was changed.

    It is the machine's, not a user's: with `sudo`, the home directory may be somebody else's.
    """
    return Place(record, Path("/"), run, is_active)


def run(command: Sequence[str]) -> str | None:
    """Run a command to its end; return why it failed, None when it did not."""
    try:
        done = subprocess.run(  # noqa: S603 - of a recipe
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return printable(str(error))
    said = printable(done.stderr.strip() or done.stdout.strip())
    return f"exit code {done.returncode}: {said}" if done.returncode else None


def is_active(service: str) -> bool:
    """Tell whether systemd runs a service."""
    return _RUNNING.is_dir() and run(("systemctl", "is-active", "--quiet", service)) is None


def apply(recipe: Recipe, place: Place) -> Done | Failed:
    """Write the files of a recipe, and have its service read them.

    What is so already stays as it is. When anything fails everything is as before. What somebody
    has written into a file of ours is not overwritten: that is said, and nothing is done.
    """
    try:
        wanted = {file.path: file.content.encode() for file in recipe.files}
        now = {name: files.look(place.path(name)) for name in wanted}
        changed = {name: new for name, new in wanted.items() if now[name].content != new}
        for name in changed:
            files.see_writable(place.path(name))
        if not changed:
            return Done(())
        with private.locked(place.record):
            return _apply(recipe, changed, now, place)
    except OSError as error:
        return Failed(_reason(error))


def undo(place: Place) -> Done | Failed:
    """Put all back that ``apply`` has changed, of whatever recipe; nothing when one cannot be.

    A file that somebody else has changed since is not touched, and that is said.
    """
    try:
        kept = _load(place)
        now = {name: files.look(place.path(name)) for name in kept.before}
        if foreign := _changed_since(kept, now, place):
            return foreign
        for name in kept.before:
            files.see_writable(place.path(name))
        if not kept.before:
            return Done(())
        with private.locked(place.record):
            return _undo(kept, place)
    except OSError as error:
        return Failed(_reason(error))


def _apply(
    recipe: Recipe, changed: Mapping[str, bytes], now: Mapping[str, Before], place: Place
) -> Done | Failed:
    kept = _load(place)
    if foreign := _changed_since(kept, {name: now[name] for name in changed}, place):
        return foreign
    reload = recipe.service, recipe.reload
    wanted = {name: _instead(now[name], new) for name, new in changed.items()}
    ran: Commands = ()
    try:
        _save(place, _more(kept, wanted, now, {recipe.system: reload}))
        _put(wanted, place)
        ran, failures = _reload([reload], place)
    except OSError as error:
        failures = [_reason(error)]
    if not failures:
        return Done(tuple(changed), ran, _left([reload], ran))
    _put({name: now[name] for name in changed}, place)
    _save(place, kept)
    if ran:
        _reload([reload], place)  # it has read what is no longer there
    return Failed(failures[0])


def _changed_since(kept: _Kept, now: Mapping[str, Before], place: Place) -> Failed | None:
    """Return that a file is neither as we wrote it nor as it was before."""
    for name in now.keys() & kept.before.keys():
        content = now[name].content
        if content != kept.before[name].content and _digest(content) != kept.written[name]:
            return Failed(f"{place.path(name)}: somebody has changed it since; see to it by hand")
    return None


def _more(
    kept: _Kept,
    wanted: Mapping[str, Before],
    now: Mapping[str, Before],
    reloads: Mapping[str, Reload],
) -> _Kept:
    """Return the record with files added: what was there first is what comes back."""
    before = {**{name: now[name] for name in wanted}, **kept.before}
    written = {name: _digest(one.content) for name, one in wanted.items()}
    return _Kept(before, {**kept.written, **written}, {**kept.reloads, **reloads})


def _undo(kept: _Kept, place: Place) -> Done | Failed:
    now = {name: files.look(place.path(name)) for name in kept.before}
    try:
        _put(kept.before, place)
    except OSError:
        _put(now, place)
        raise
    place.record.unlink()
    ran, failures = _reload(kept.reloads.values(), place)
    if failures:
        return Failed(f"all files are as they were, but {failures[0]}")
    return Done(tuple(kept.before), ran, _left(kept.reloads.values(), ran))


def _put(wanted: Mapping[str, Before], place: Place) -> None:
    for name, one in wanted.items():
        files.put(place.path(name), one)


def _instead(now: Before, content: bytes) -> Before:
    """Return a file with another content; a new one is everybody's to read."""
    return Before(content, now.mode, now.uid, now.gid)


def _reload(
    reloads: Iterable[Reload], place: Place
) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Have services that run read their files; return the commands, and why some failed."""
    due = [command for service, command in reloads if service is None or place.is_active(service)]
    results = [(command, place.run(command)) for command in due]
    return tuple(due), [f"`{' '.join(one)}`: {why}" for one, why in results if why]


def _left(reloads: Iterable[Reload], ran: Commands) -> Commands:
    return tuple(command for _, command in reloads if command not in ran)


def _load(place: Place) -> _Kept:
    try:
        data: Mapping[str, Any] = private.read_json(place.record)
    except FileNotFoundError:
        return _Kept({}, {}, {})
    try:
        before = {name: files.from_json(one) for name, one in data["files"].items()}
        written = {name: str(one["written"]) for name, one in data["files"].items()}
        reloads = {name: (one[0], tuple(one[1])) for name, one in data["reloads"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise private.Damaged(place.record, "is damaged") from None
    return _Kept(before, written, reloads)


def _save(place: Place, kept: _Kept) -> None:
    if not kept.before:
        with suppress(FileNotFoundError):
            place.record.unlink()
        return
    entries = {
        name: {**one.to_json(), "written": kept.written[name]} for name, one in kept.before.items()
    }
    data = {"files": entries, "reloads": {name: list(one) for name, one in kept.reloads.items()}}
    private.replace(place.record, json.dumps(data, indent=1).encode())


def _digest(content: bytes | None) -> str:
    return "" if content is None else sha256(content).hexdigest()


def _reason(error: OSError) -> str:
    return (
        f"{error.filename}: {error.strerror}" if error.filename else os.strerror(error.errno or 0)
    )
