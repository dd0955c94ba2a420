"""Names of hosts in the files that ssh reads its configuration from (ssh_config(5)).

Only the names are read here: what one means is for ``ssh -G`` to say. A name is what stands in a
``Host`` line without wildcard or negation. ``Match host`` and ``Match originalhost`` name none:
they are about a host that somebody asks for, often after its name was replaced.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.core.fleet.patterns import any_matches, is_wild
from opencoderouter.core.fleet.select import alias_refusal

_LINE = re.compile(r'[ \t\r]*(?:"([^"]*)"|([^ \t\r"=]+)(?:[ \t\r]+=?|=))[ \t\r]*(.*)', re.DOTALL)
_PIECE = re.compile(r"""([ \t]+)|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|((?:\\['"\\ ]|[^ \t'"])+)""")
_DEEP = 16  # files within files, as in OpenSSH
_MOST = 1000  # files
_SHIFTING = re.compile(r"\b(exec|localnetwork)\b", re.IGNORECASE)
_EVERY = ("*",)

_Patterns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Aliases:
    """What the files say. ``problems`` are one line each; ssh may stop at what they are about.

    ``shifting``: what a name means can change while no file does (``Match exec``).
    """

    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    shifting: bool = False


def home() -> Path:
    """Return the home directory that ssh goes by: that of the user database, whatever HOME says."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # ssh itself refuses to run for such a user
        return Path.home()


def aliases(path: Path, home: Path) -> Aliases:
    """Return the names in a configuration of the user, each once, in order.

    A file that is not there is a problem, unless it is the one that ssh looks for by itself. What
    ``path`` includes is read, too: relative to ``~/.ssh`` wherever ``path`` is, as ssh does.
    """
    reader = _Reader(home / ".ssh", home)
    reader.read(path, optional=path == home / ".ssh/config")
    return reader.result()


def system(path: Path) -> Aliases:
    """Return the names in the configuration of the machine (``/etc/ssh/ssh_config``)."""
    reader = _Reader(path.parent, path.parent)
    reader.read(path, optional=True)
    return reader.result()


class _Reader:
    """Reads a file and those that it includes; relative ones are in ``base``."""

    def __init__(self, base: Path, home: Path) -> None:
        self._base, self._home = base, home
        self._names: dict[str, None] = {}
        self._files: dict[Path, None] = {}
        self._problems: dict[str, None] = {}
        self._shifting = False
        self._reads = 0

    def result(self) -> Aliases:
        """Return what was read."""
        return Aliases(
            tuple(self._names), tuple(self._files), tuple(self._problems), self._shifting
        )

    def read(
        self,
        path: Path,
        above: tuple[Path, ...] = (),
        scopes: tuple[_Patterns, ...] = (),
        *,
        optional: bool = False,
    ) -> None:
        """Read a file that those ``above`` include, inside of ``Host`` blocks of these patterns."""
        scope: _Patterns = _EVERY
        text = self._text(path, optional=optional)
        for number, line in enumerate(text.split("\n"), 1):
            keyword, rest = _split(line)
            if keyword not in {"host", "match", "include"}:
                continue
            place, words = f"{path} line {number}", _words(rest)
            if words is None:
                self._problem(place, "its quotes are not closed")
            elif keyword == "match":
                scope = _EVERY  # what it asks for is unknown here, so all below may apply
                self._shifting |= _SHIFTING.search(rest) is not None
            elif keyword == "host":
                scope = tuple(words)
                self._host(place, words, (*scopes, scope))
            else:
                self._include(place, words, (*above, _real(path)), (*scopes, scope))

    def _problem(self, place: str, what: str) -> None:
        self._problems[f"{place}: {what}"] = None

    def _text(self, path: Path, *, optional: bool) -> str:
        """Return what is in a file. It need not be UTF-8: ssh does not mind."""
        self._files[path] = None
        self._reads += 1
        try:
            if stat.S_ISREG(path.stat().st_mode):
                return path.read_bytes().decode(errors="surrogateescape")
            if str(path) != os.devnull:  # a pipe may never end
                self._problem(str(path), "it is no regular file")
        except OSError as error:
            if not (optional and isinstance(error, FileNotFoundError)):
                self._problem(str(path), f"it cannot be read: {error.strerror}")
        return ""

    def _host(self, place: str, words: list[str], scopes: tuple[_Patterns, ...]) -> None:
        """Note the names of a block, but those to which it never applies."""
        for word in words:
            if word.startswith("!") or is_wild(word):
                continue
            if reason := alias_refusal(word):
                self._problem(place, f"the host {word!a} is left out: {reason}")
            elif all(any_matches(word, patterns) for patterns in scopes):
                self._names[word] = None

    def _include(
        self,
        place: str,
        words: list[str],
        above: tuple[Path, ...],
        scopes: tuple[_Patterns, ...],
    ) -> None:
        for found in (found for word in words for found in _glob(self._at(word))):
            if _real(found) in above:
                self._problem(place, f"{found} includes itself")
            elif len(above) > _DEEP or self._reads >= _MOST:
                self._problem(place, f"{found} is left out: too many files are included")
            else:
                self.read(found, above, scopes)

    def _at(self, word: str) -> str:
        """Return where an included file is; it can be a glob."""
        if word == "~" or word.startswith("~/"):
            return str(self._home) + word[1:]
        return str(self._base / os.path.expanduser(word))  # noqa: PTH111 - may be "~other/file"


def _glob(pattern: str) -> list[Path]:
    return [Path(name) for name in sorted(glob.glob(pattern))]  # noqa: PTH207 - absolute


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links go round


def _split(line: str) -> tuple[str, str]:
    """Return keyword (lower case) and the rest of a line; both are empty where there is none."""
    match = _LINE.match(line.partition("\0")[0].rstrip(" \t\r\f"))
    return (str(match[1] or match[2]).lower(), match[3]) if match else ("", "")


def _words(text: str) -> list[str] | None:
    """Return the arguments of a line, without a comment at its end; None for an open quote."""
    words: list[str] = []
    at, inside = 0, False
    while at < len(text) and (inside or text[at] != "#"):
        match = _PIECE.match(text, at)
        if match is None:
            return None
        blank, quoted, plain = match.groups()
        if blank is None:
            piece = _unescaped(quoted[1:-1], r"'\"\\") if quoted else _unescaped(plain, r"'\"\\ ")
            words[-1:] = [words[-1] + piece] if inside else [*words[-1:], piece]
        at, inside = match.end(), blank is None
    return words


def _unescaped(text: str, special: str) -> str:
    return re.sub(rf"\\([{special}])", r"\1", text)
