"""Which OpenCode command a process is, by its argument list (the options of OpenCode 1.18)."""

from __future__ import annotations

from collections.abc import Sequence

from opencoderouter.core.model import Kind

_PROGRAMS = frozenset({"opencode", "opencode.exe"})
_RUNTIMES = frozenset({"node", "bun", "node.exe", "bun.exe"})
_SERVERS = {"serve": Kind.SERVE, "web": Kind.WEB, "acp": Kind.ACP}
# Commands that serve nobody. Any other word is the directory to open the terminal UI in.
_OTHERS = frozenset(
    """agent attach auth completion db debug export github import mcp models plug plugin pr
    providers run session stats uninstall upgrade""".split()
)
# Options whose value is the next argument.
_VALUED = frozenset(
    """--agent --cors --cwd --hostname --log-level --mdns-domain --model --port --prompt
    --replay-limit --session -m -s""".split()
)


def serving(port: int) -> tuple[str, ...]:
    """Return the arguments that servers are started with here, after the program."""
    return ("serve", "--hostname", "127.0.0.1", "--port", str(port))


def opencode_kind(argv: Sequence[str], comm: str) -> Kind | None:
    """Return what an OpenCode process serves, or None when it is not one or serves nobody.

    ``comm`` is the kernel's name of the process. A word somewhere in the arguments proves
    nothing: the program itself must be OpenCode, or a JavaScript runtime that runs it.
    """
    arguments = _arguments(list(argv), comm)
    if arguments is None:
        return None
    command = _command(arguments)
    return None if command in _OTHERS else _SERVERS.get(command, Kind.TUI)


def _arguments(argv: list[str], comm: str) -> list[str] | None:
    """Return what follows the program, when that is OpenCode."""
    names = [word.rpartition("/")[2] for word in argv[:2]]
    if not names:
        return None
    if names[0] in _PROGRAMS:
        return argv[1:]
    script = len(names) > 1 and names[1] in _PROGRAMS
    if script and (comm in _PROGRAMS or names[0] in _RUNTIMES):
        return argv[2:]
    return argv[1:] if comm in _PROGRAMS else None


def _command(arguments: list[str]) -> str:
    """Return the first word that is neither an option nor the value of one."""
    words = iter(arguments)
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
