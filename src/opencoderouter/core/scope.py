"""What a token that is not whole leads to: one project, or only what reads, or both."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from opencoderouter.core import headers as fields
from opencoderouter.core import query
from opencoderouter.core.grant import Grant
from opencoderouter.core.headers import Headers

_READING = frozenset({"GET", "HEAD"})
_ID = r"[A-Za-z0-9_-]+"
# What OpenCode (1.18.33, tried) tells of its work without doing any. Nothing of its configuration:
# `agent` and `command` too have the text of `{env:KEY}` and `{file:KEY}` in them; events have none.
# No files: of a folder that is no git repository they are all there are. Of a session that belongs
# to another folder `/session/ID` loads that folder's plugins, as when its user worked there.
_READABLE = re.compile(
    rf"/(?:session(?:/status|/{_ID}(?:/(?:children|todo|diff|message(?:/{_ID})?))?)?"
    rf"|api/session(?:/active|/{_ID}(?:/(?:message(?:/{_ID})?|permission|question))?)?"
    r"|(?:api/|global/)?event|(?:api|global)/health|path|project(?:/current)?|vcs"
    r"|permission|question|api/(?:permission|question)/request)"
)
# These tell of all folders in which their user works; by its id a session of any folder is told.
_OF_ALL = re.compile(
    r"/(?:project|(?:api|global)/event|api/session(?:/.*)?|session/(?!status$).*)", re.DOTALL
)
_ROUTER = re.compile(r"/|/api/(?:health|backends|peers|fleet|resolve|events|metrics|openapi\.json)")
_ELSEWHERE = ("directory", "location[directory]")
_WORKSPACE = ("workspace", "location[workspace]")


def only(grant: Grant) -> str:
    """Return what is said to who may use one project, and asks for something else."""
    return f"This token leads to project {grant.project!r} only."


def forbids_router(grant: Grant, method: str, path: str) -> str:
    """Return why the router's own ``path`` is kept from a caller; empty when it is not."""
    if grant.project is not None:
        return only(grant)
    if grant.read_only and not (method in _READING and _ROUTER.fullmatch(path)):
        return _ONLY_READS
    return ""


def forbids(grant: Grant, method: str, target: str, headers: Headers, directory: str) -> str:
    """Return why a request to a project is kept from a caller; empty when it is not.

    ``target`` is what the backend would be asked for, ``directory`` the project's.
    """
    if grant.read_only and not _only_reads(method, target, headers):
        return _ONLY_READS
    if grant.project is None:
        return ""
    # Who may do more than read could find out by other ways.
    of_all = grant.read_only and _OF_ALL.fullmatch(target.partition("?")[0])
    if of_all or _leaves(target, headers, directory):
        return "This token leads to its project's own directory only."
    return ""


def confined(grant: Grant, target: str, directory: str) -> str:
    """Return the target for a caller who may use one project only.

    Without a directory OpenCode lists the sessions of all folders that are no git repositories.
    """
    path, _, rest = target.partition("?")
    if grant.project is None or path != "/session" or query.values(target, "directory"):
        return target
    where = quote(directory.replace("%", "%25"), safe="", errors="surrogateescape")
    return f"{path}?{rest}{'&' if rest else ''}directory={where}"


def _only_reads(method: str, target: str, headers: Headers) -> bool:
    readable = method in _READING and _READABLE.fullmatch(target.partition("?")[0])
    overrides = any(query.values(target, name) for name in (*_ELSEWHERE, *_WORKSPACE))
    named = any(name.startswith("x-opencode-") for name in fields.by_name(headers))
    return bool(readable) and not (overrides or named or fields.is_upgrade(headers))


def _leaves(target: str, headers: Headers, directory: str) -> bool:
    """Tell whether a request names another directory, however it is read.

    OpenCode decodes the header once, and the query twice or (``/api/``) once: only what no more
    decoding changes is one directory.
    """
    found = fields.by_name(headers)
    if "x-opencode-workspace" in found or any(query.values(target, w) for w in _WORKSPACE):
        return True
    named = [value for name in _ELSEWHERE for value in query.values(target, name)]
    decoded = [unquote(value) for value in (*named, *found.get("x-opencode-directory", ()))]
    return any("%" in one or one.rstrip("/") != directory.rstrip("/") for one in decoded)


_ONLY_READS = "This token only reads what sessions say and do."
