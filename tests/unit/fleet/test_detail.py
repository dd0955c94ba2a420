"""One session, read from a server of its directory or from the database."""

from __future__ import annotations

import json

import pytest
from tests.fakes_link import UNREACHED, FakeLink, ok

from opencoderouter.core.fleet.control import Detail, Failed, Message
from opencoderouter.core.fleet.model import SessionRef, Unreached
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.detail import detail

SESSION = SessionRef("x", "ses_a", "/p")
INFO = {"role": "user", "time": {"created": 1000}}
SERVED = [{"info": INFO, "parts": [{"type": "text", "text": "served"}]}]
STORED = [{"messages": json.dumps([{"info": INFO, "texts": ["stored"]}])}]


class Host:
    """Runs our scripts; ``ran`` says which."""

    def __init__(self, directory: str) -> None:
        self.cwd, self.ran = f"{directory}\n".encode().hex(), list[str]()

    def run(self, _command: str, stdin: bytes) -> Completed:
        """Print what one would print there."""
        text = stdin.decode()
        nonce = text.partition("\n")[0].removeprefix("nonce=")
        part = "servers" if "\nparts=servers\n" in text else "detail"
        self.ran.append(part)
        argv = b"opencode\0serve".hex()
        servers = f"server 7 0100007F:1000 {self.cwd} {argv} -"
        told = servers if part == "servers" else json.dumps(STORED)
        said = (
            f"{nonce} begin 1\n{nonce} part {part}\n{told}\n{nonce} said 0\n\n{nonce} done {part}"
        )
        return Completed(0, said.encode(), b"")


def texts(found: Detail | Failed) -> list[str]:
    """Return the texts of the messages."""
    assert isinstance(found, Detail)
    return [message.text for message in found.messages]


async def test_server() -> None:
    """A server of the directory tells; the database, which costs a second, is not asked."""
    host = Host("/p")
    answers = {
        "4096 GET /session/ses_a/message?limit=8": ok(SERVED),
        "4096 GET /session/ses_a/todo": ok([]),
        "4096 GET /session/ses_a/diff": ok([]),
    }
    found = await detail(FakeLink(answers, host.run), SESSION)
    assert found == Detail((Message("user", "served", 1.0),))
    assert host.ran == ["servers"]


@pytest.mark.parametrize("directory", ["/q", "/p"])
async def test_database(directory: str) -> None:
    """Without such a server, or when it does not tell, the database does."""
    host = Host(directory)
    assert texts(await detail(FakeLink({}, host.run), SESSION)) == ["stored"]
    assert host.ran == ["servers", "detail"]


async def test_unreached() -> None:
    """A host that is not reached says so."""

    def gone(_command: str, _stdin: bytes) -> Unreached:
        return UNREACHED

    found = await detail(FakeLink(runs=gone), SESSION)
    assert found == Failed("no route", mend=("ping it",))


async def test_no_id() -> None:
    """What is no id is never sent anywhere."""
    host = Host("/p")
    with pytest.raises(ValueError, match="no session id"):
        await detail(FakeLink({}, host.run), SessionRef("x", "ses_a'; --", "/p"))
    assert host.ran == []
