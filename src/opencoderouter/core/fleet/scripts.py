r"""Scripts that change something on a host: POSIX ``sh``, sent on stdin, with their values on top.

No other text gets into one. Each says what it did after a line of its own, ``BEGIN``: what stands
before is of login files. A line is a word and its value; ``failed`` and ``detail`` say why not.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

BEGIN = "ocr-answer-1"

_PORT = re.compile(r"[0-9]{1,5}")
_OCTET = re.compile(r"[0-3][0-7]{2}")
_TOLD = re.compile(r"(?P<word>[a-z]+)(?: (?P<value>.*))?")


@dataclass(frozen=True, slots=True)
class Told:
    """What a script said: ``words`` by name, or why it ``failed``, and what it printed of that."""

    words: Mapping[str, str]
    failed: str = ""
    detail: str = ""

    @property
    def port(self) -> int:
        """Return the port that it names, or 0."""
        found = _PORT.fullmatch(self.words.get("port", ""))
        return int(found[0]) if found else 0


def told(output: bytes) -> Told:
    """Read what a script said; one that did not come to its beginning has ``failed`` "sh"."""
    text = output.decode("utf-8", "surrogateescape")
    _, begun, rest = text.partition(f"{BEGIN}\n")
    if not begun:
        return Told({}, "sh", text)
    said, _, detail = rest.partition("detail\n")
    lines = filter(None, map(_TOLD.fullmatch, said.splitlines()))
    words = {line["word"]: line["value"] or "" for line in lines}
    return Told(words, words.pop("failed", ""), detail)


def after_begin(output: bytes) -> bytes | None:
    """Return what a script printed; None when it did not come to its beginning."""
    _, begun, rest = output.partition(f"{BEGIN}\n".encode())
    return rest if begun else None


def script(body: str, **values: object) -> bytes:
    """Return a script: these values as variables, then the body, which has no stdin."""
    lines = (f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
    text = f"{''.join(lines)}{_COMMON}main() {{\n{body}}}\nmain </dev/null\n"
    return text.encode("utf-8", "surrogateescape")


# What runs in `main` has no stdin: it would read the rest of the script.
_COMMON = rf"""
say() {{ printf '%s\n' "$@"; }}
fail() {{ say "failed $1"; [ $# -lt 2 ] || say detail "$2"; exit 0; }}
nap() {{ sleep 0.1 2>/dev/null || sleep 1; }}
enter() {{
  case $1 in '~') set -- "$HOME" ;; '~/'*) set -- "$HOME/${{1#'~/'}}" ;; esac
  unset CDPATH
  cd -P -- "$1" 2>/dev/null || fail directory
}}
real_path() {{
  say "directory $(pwd -P | od -An -v -to1 | tr -d '\n')"
}}
find_program() {{
  case $program in /*) PATH=$PATH:${{program%/*}} ;; esac  # where its interpreter is
  command -v "$program" >/dev/null 2>&1 || fail program
}}
say {BEGIN}
"""


def where(directory: str) -> bytes:
    """Ask for the real path of a directory, see ``real_path``."""
    return script('enter "$directory"\nreal_path\n', directory=directory)


def real_path(value: str) -> str:
    """Return the path that stands as octal in ``directory``: any octet but NUL can be in it."""
    raw = bytes(int(octet, 8) for octet in value.split() if _OCTET.fullmatch(octet))
    return raw.decode("utf-8", "surrogateescape").removesuffix("\n")


def export(program: str, session: str) -> bytes:
    """Print a session as JSON, and nothing else.

    By way of a file: OpenCode does not wait until a pipe has taken all of it.
    """
    return script(_EXPORT, program=program, session=session)


_EXPORT = """
find_program
work=$(mktemp) || fail temporary
trap 'rm -f -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
"$program" export "$session" --pure 2>/dev/null >"$work" || exit 1
cat -- "$work"
"""


def opencode(program: str, *arguments: str) -> bytes:
    """Run OpenCode where it makes no difference in which directory; its output is the script's.

    Without plugins: it is run to ask or to tidy, not to work.
    """
    values = {f"a{number}": argument for number, argument in enumerate(arguments)}
    operands = " ".join(f'"${name}"' for name in values)
    return script(f'find_program\ncd\n"$program" {operands} --pure\n', program=program, **values)


def router(method: str, url: str) -> bytes:
    """Ask a router on the host, as its user there: ``status``, then ``detail`` and the answer.

    A router lets its own user in; who comes through sshd could be anybody.
    """
    return script(_ROUTER, method=method, url=url)


_ROUTER = r"""
command -v curl >/dev/null 2>&1 || fail curl
answer=$(curl -q -sS -m 10 --noproxy '*' -X "$method" -w '\n%{http_code}' -- "$url" 2>/dev/null) ||
  fail router
say "status ${answer##*
}" detail "${answer%
*}"
"""


def family(session: str) -> str:
    """Return the SQL for the ids of a session and of all below it. It is an id: ``is_session``."""
    return (
        f"with recursive family(id) as (select id from session where id = '{session}' union "  # noqa: S608 - of letters and digits
        "select s.id from session s join family f on s.parent_id = f.id) "
        "select s.id, s.directory from session s join family f on f.id = s.id"
    )
