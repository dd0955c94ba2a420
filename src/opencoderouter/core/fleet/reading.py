"""A session's last messages, todo list and changes, as OpenCode's server or its database tell.

Pure; nothing here raises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.control import Detail, FileChange, Message, Todo
from opencoderouter.core.fleet.frames import read_frames

MESSAGES = 8  # the last ones
_LONG = 8000  # characters of one message that are worth showing
_ERROR = 20_000
_MANY = 200  # lines of a todo list, files of a diff


def statement(session: str) -> str:
    """Return the SQL for one session. Raises ValueError when that is no id.

    A message's ``texts`` are what people see of it; tools' input and output are not.
    """
    if not values.session_id(session):
        raise ValueError(f"no session id: {session!r}")
    # The only value in it has been checked to be letters and digits.
    return " ".join(_SQL.replace(":session", f"'{session}'").split())


_SQL = f"""
select
  (select json_group_array(json_object('info', json(m.data), 'texts', json(m.texts))) from (
     select m.data, (select json_group_array(substr(json_extract(p.data, '$.text'), 1, {_LONG}))
                       from part p where p.message_id = m.id
                       and json_extract(p.data, '$.type') = 'text'
                       and json_extract(p.data, '$.synthetic') is not 1) texts
     from message m where m.session_id = :session
     order by m.time_created desc, m.id desc limit {MESSAGES}) m) messages,
  (select json_group_array(json_object('content', t.content, 'status', t.status)) from (
     select content, status from todo where session_id = :session order by position) t) todo,
  (select json_group_array(json_object('file', json_extract(d.value, '$.file'),
       'additions', json_extract(d.value, '$.additions'),
       'deletions', json_extract(d.value, '$.deletions')))
     from session s, json_each(s.summary_diffs) d where s.id = :session) changes
from session where id = :session
"""  # noqa: S608 - see statement()


def from_server(messages: object, todo: object, changes: object) -> Detail | None:
    """Return what ``/message``, ``/todo`` and ``/diff`` of a session say; None without messages.

    A list that did not come is ``missing``.
    """
    if not isinstance(messages, list):
        return None
    missing = [
        f"{name}: the server did not tell"
        for name, said in (("todo list", todo), ("changes", changes))
        if not isinstance(said, list)
    ]
    return _detail(values.rows(messages)[-MESSAGES:], todo, changes, missing)


def from_database(output: bytes, nonce: str) -> Detail | str:
    """Return what the database told of a session, or why it did not."""
    frames = read_frames(output, nonce)
    part = frames.parts.get("detail") if frames else None
    if part is None:
        return "its shell ran no script for us"
    if part.trouble:
        return f"opencode db: {part.trouble}"
    said = values.array(part.text)
    if not said:
        return "the session is not there any more"
    found = {name: values.load(str(value)) for name, value in said[0].items()}
    newest_first = values.rows(found.get("messages"))
    return _detail(newest_first[::-1], found.get("todo"), found.get("changes"), [])


def _detail(
    messages: list[dict[str, object]], todo: object, changes: object, missing: list[str]
) -> Detail:
    last = values.mapping(messages[-1].get("info")) if messages else {}
    return Detail(
        tuple(_message(row) for row in messages),
        tuple(
            Todo(values.text(row.get("content")), values.text(row.get("status")))
            for row in values.rows(todo)[:_MANY]
        ),
        tuple(
            FileChange(
                values.text(row.get("file")),
                values.whole(row.get("additions")) or 0,
                values.whole(row.get("deletions")) or 0,
            )
            for row in values.rows(changes)[:_MANY]
        ),
        _error(last.get("error")),
        tuple(missing),
    )


def _message(row: Mapping[str, object]) -> Message:
    info = values.mapping(row.get("info"))
    return Message(
        values.text(info.get("role")),
        _text(row),
        values.moment(values.mapping(info.get("time")).get("created")),
        values.text(values.mapping(info.get("error")).get("name")),
    )


def _text(row: Mapping[str, object]) -> str:
    """Return the texts of a message: parts of a server's, or what the SQL has chosen of them."""
    parts = (
        part.get("text")
        for part in values.rows(row.get("parts"))
        if part.get("type") == "text" and part.get("synthetic") is not True
    )
    texts = row.get("texts")
    found = texts if isinstance(texts, list) else parts
    return "\n".join(filter(None, (values.text(one, _LONG) for one in found)))[:_LONG]


def _error(said: object) -> str:
    """Return an error in full: its name, what it says, and all that came with it."""
    error = values.mapping(said)
    data = values.mapping(error.get("data"))
    rest = {name: value for name, value in data.items() if name != "message"}
    head = ": ".join(
        filter(None, (values.text(error.get("name")), values.text(data.get("message"))))
    )
    more = json.dumps(rest, indent=1, ensure_ascii=False) if rest else ""
    return values.text("\n".join(filter(None, (head, more))), _ERROR)
