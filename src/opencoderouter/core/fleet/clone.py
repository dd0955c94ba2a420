r"""Cloning a repository on a host: which addresses, which directories, and the script."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from opencoderouter.core.fleet.scripts import script

_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP = re.compile(r"(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):(?!:)[^\s]+", re.ASCII)
_TAIL = re.compile(r"[/:]([^/:]+?)(?:\.git)?/*$")
_LONGEST = 2048


def refusal(url: str) -> str:
    """Return why a repository is not cloned from there; nothing for what git may be given.

    Taken are ``https``, ``http``, ``ssh``, ``git`` and ``file`` URLs, ``[user@]host:path`` and
    absolute paths of the host. Not taken are git's other transports (``ext::`` runs commands) and
    secrets, which a process list would show.
    """
    if not url or len(url) > _LONGEST or not url.isprintable() or "\\" in url:
        return "this is no address of a repository"
    if url.startswith("-"):
        return "git would take this for an option"
    if url.startswith("/"):
        return ""
    if "://" not in url:
        return "" if _SCP.fullmatch(url) else "this is neither a URL nor host:path nor a path"
    return _refused_url(url)


def _refused_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, secret = parts.hostname, parts.password
        _ = parts.port
    except ValueError:
        return "this is no well-formed URL"
    if parts.scheme not in _SCHEMES or "://" not in url[: len(parts.scheme) + 3]:
        return f"only {', '.join(_SCHEMES)} are taken"
    if parts.scheme == "file":
        return "" if not parts.netloc and parts.path.startswith("/") else "file:///PATH is taken"
    if not host or host.startswith("-"):
        return "it names no host"
    if secret is not None or (parts.scheme != "ssh" and parts.username is not None):
        return "it has credentials, which others could see: use git's credential helper there"
    return "" if not (parts.username or "").startswith("-") else "it names no user"


def usual_target(url: str) -> str:
    """Return the directory below the user's own that is called as git would, or nothing.

    Screen and command line offer it; an address without a name has none.
    """
    match = _TAIL.search(f"/{url.rstrip('/')}")
    name = match[1] if match else ""
    return "" if name in {"", ".", "..", ".git"} or name.startswith("-") else f"~/{name}"


def clone(url: str, target: str) -> bytes:
    """Return the script that clones to a directory that is not there yet: ``directory``.

    It is made beside it and moved, so that half a clone is never at ``target``; progress goes to
    stdout. Nobody is asked for anything.
    """
    return script(_CLONE, url=url, target=target)


_CLONE = r"""
case $target in '~/'*) target=$HOME/${target#'~/'} ;; esac
while [ "$target" != "${target%/}" ]; do target=${target%/}; done
case $target in /*) ;; *) fail target ;; esac
parent=${target%/*}
[ -d "$parent/" ] || fail parent
vacant() {
  [ ! -L "$target" ] || return 1
  [ ! -e "$target" ] || { [ -d "$target" ] && [ -z "$(ls -A "$target")" ]; }
}
vacant || fail exists
command -v git >/dev/null 2>&1 || fail git
work=$(mktemp -d "$parent/.ocr-clone.XXXXXX" 2>/dev/null) || fail writable
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
export GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=false SSH_ASKPASS_REQUIRE=never
export GIT_ALLOW_PROTOCOL=https:http:ssh:git:file LC_ALL=C
if git clone --progress -- "$url" "$work/clone" 2>&1; then
  # Whoever asked may be gone: then this line cannot be written, and nothing stays.
  printf '\n' || exit 1
  [ ! -e "$target" ] || rmdir -- "$target" 2>/dev/null || fail exists
  mv -- "$work/clone" "$target" 2>/dev/null || fail writable
  enter "$target"
  real_path
else
  fail clone
fi
"""
