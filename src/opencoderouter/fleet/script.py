"""The script that is run on a host, ``probe.sh``, with what it needs to know put before it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from opencoderouter.core.fleet.answer import Marks

# Every login shell parses this, csh and fish too. It says nothing of its own.
COMMAND = "exec /bin/sh -s"
MOST_SESSIONS = 2000  # the newest; a thousand are some 400 KB on the wire

# Root sessions. `last` is of the newest message: error, role, when it was completed; `children`
# are the ids of all below. Sizes of text are bounded where they come from others.
SESSIONS = f"""
select s.id, substr(s.title, 1, 500) title, s.directory, p.worktree, s.agent,
  json_extract(s.model, '$.id') model, s.cost,
  s.tokens_input + s.tokens_cache_read + s.tokens_cache_write tokens_in,
  s.tokens_output + s.tokens_reasoning tokens_out,
  s.time_created created, s.time_updated updated, s.time_archived archived,
  (select count(*) from message m where m.session_id = s.id) messages,
  (select json_array(json_extract(m.data, '$.error.name'), json_extract(m.data, '$.role'),
                     json_extract(m.data, '$.time.completed'))
     from message m where m.session_id = s.id
     order by m.time_created desc, m.id desc limit 1) last,
  (with recursive below(id) as (
     select c.id from session c where c.parent_id = s.id
     union select c.id from session c join below on c.parent_id = below.id)
   select group_concat(id) from below) children
from session s left join project p on p.id = s.project_id
where s.parent_id is null order by s.time_updated desc limit {MOST_SESSIONS}
"""  # noqa: S608 - a constant: nothing of it comes from outside


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run of the script is to tell.

    ``seconds`` bounds all of it; the parts run side by side. ``servers_only``: only who listens.
    ``sql``: only what the database says to it (a constant; nobody's text is in it). What ``known``
    marks is not told again.
    """

    seconds: int
    opencode_path: str = ""
    scan_paths: tuple[str, ...] = ()
    use_db: bool = True
    servers_only: bool = False
    sql: str = ""
    proc: str = "/proc"
    known: Marks = field(default_factory=Marks)


def script(wanted: Wanted, nonce: str) -> bytes:
    """Return the script for the standard input of ``COMMAND``; nothing in it is left unquoted.

    Its answer is for ``core.fleet.answer`` and the same ``nonce``, which no one else may know.
    """
    values = {
        "nonce": nonce,
        "parts": "detail" if wanted.sql else "servers" if wanted.servers_only else "all",
        "seconds": str(wanted.seconds),
        "proc": wanted.proc,
        "opencode_path": wanted.opencode_path,
        "use_db": str(int(wanted.use_db)),
        "limit": str(MOST_SESSIONS),
        "sql": wanted.sql or " ".join(SESSIONS.split()),
        "known_program": wanted.known.program,
        "known_database": wanted.known.database,
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    arguments = " ".join(map(shlex.quote, wanted.scan_paths))
    text = "\n".join([*lines, f"set -- {arguments}", _text()])
    return text.encode("utf-8", "surrogateescape")


@cache
def _text() -> str:
    return (resources.files("opencoderouter.fleet") / "probe.sh").read_text("utf-8")
