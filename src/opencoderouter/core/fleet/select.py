"""Which hosts are shown, and in which order: of ssh, of the command line, and this machine."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from opencoderouter.core.fleet.model import LOCAL, HostSpec
from opencoderouter.core.fleet.preferences import Hosts, Override

_SHELL = frozenset(",'`\"$\\;&<>|(){}")  # OpenSSH takes none of them in the name of a host
_URI = "ssh://"
_WILD = frozenset("*?[")


def refusal(host: str) -> str:
    """Say why a host of the command line cannot be one: ``host``, ``user@host``, ``ssh://…``.

    Nothing is said of a good one. What begins with ``-`` would be an option of ssh.
    """
    user, at, name = host.removeprefix(_URI).rpartition("@")
    if at and (not user or _is_odd(user.replace("\\", ""))):
        return "the name of its user cannot be one"
    return _name_refusal(name)


def alias_refusal(alias: str) -> str:
    """Say why a ``Host`` of the configuration cannot be a host; nothing of a good one."""
    if "@" in alias or alias.startswith(_URI):
        return "ssh takes what is before the host for something else"
    return _name_refusal(alias)


def is_pattern(host: str) -> bool:
    """Tell whether a host of the command line may be several: ``web*``, ``db?``, ``w[12]``."""
    return not host.startswith(_URI) and not _WILD.isdisjoint(host)


def _name_refusal(name: str) -> str:
    if not name:
        return "it is empty"
    if name.startswith("-"):
        return "it begins with a hyphen"
    return "it has characters that no name of a host has" if _is_odd(name) else ""


def _is_odd(text: str) -> bool:
    return text.startswith("-") or any(
        char.isspace() or not char.isprintable() or char in _SHELL for char in text
    )


def select(aliases: Sequence[str], given: Sequence[str], hosts: Hosts) -> tuple[HostSpec, ...]:
    """Return the hosts that are shown, each once, in order of priority, else of the configuration.

    ``aliases`` are those of the configuration: ``include`` and ``ignore`` are about them.
    ``given`` are those of the command line (``refusal`` has nothing against them): they are all
    that is shown, whatever is ignored; a pattern means those that would be shown without it. The
    first group with a pattern that matches has the host. Globs know case.
    """
    here = (LOCAL,) if hosts.local and not _is_any(LOCAL, hosts.ignore) else ()
    names = (*here, *(alias for alias in aliases if _is_wanted(alias, hosts)))
    local = bool(here) or LOCAL in given
    if given:
        names = tuple(name for word in given for name in _meant(word, names))
    found = (_host(name, hosts, local=local and name == LOCAL) for name in dict.fromkeys(names))
    return tuple(sorted(found, key=rank))


def _meant(word: str, names: Sequence[str]) -> Sequence[str]:
    is_one = word in names or not is_pattern(word)
    return (word,) if is_one else [name for name in names if fnmatchcase(name, word)]


def _is_wanted(alias: str, hosts: Hosts) -> bool:
    return _is_any(alias, hosts.include) and not _is_any(alias, hosts.ignore)


def _is_any(alias: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(alias, pattern) for pattern in patterns)


def _host(alias: str, hosts: Hosts, *, local: bool) -> HostSpec:
    groups = (group for group, patterns in hosts.groups.items() if _is_any(alias, patterns))
    override = hosts.overrides.get(alias, Override())
    return HostSpec(
        alias,
        label=override.label,
        group=next(groups, ""),
        priority=override.priority,
        opencode_path=override.opencode_path,
        scan_paths=override.scan_paths,
        local=local,
    )


def rank(host: HostSpec) -> tuple[bool, int]:
    """Return what puts hosts in order of priority, those without one last."""
    return host.priority is None, host.priority or 0
