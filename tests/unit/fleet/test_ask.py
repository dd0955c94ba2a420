"""A report of a host that says what a test has it say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes_link import UNREACHED, FakeLink, ok

from opencoderouter.core.fleet.model import (
    Failure,
    HostSpec,
    HostState,
    Live,
    Report,
    Server,
    Unreached,
    Via,
)
from opencoderouter.core.fleet.preferences import Polling, Preferences, Sessions
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.ask import Asker

HOST = HostSpec("box", opencode_path="~/oc", scan_paths=("~/src",))
SERVER = f"server 42 0100007F:1000 {b'/p'.hex()} {b'opencode'.hex()} -"
ROW = '[{"id": "ses_a", "directory": "/p"}]'
PARTS = {
    "host": "system Linux 6",
    "servers": SERVER,
    "sessions": f"N item db\n{ROW}",
    "opencode": "program /o\nversion 1.2.3",
}


class Host:
    """Prints these parts; ``scripts`` are what it got."""

    def __init__(self, parts: dict[str, str], *, unreached: Unreached | None = None) -> None:
        self.parts, self.unreached, self.scripts = parts, unreached, list[str]()

    def run(self, _command: str, stdin: bytes) -> Completed:
        """Print them."""
        self.scripts.append(stdin.decode())
        nonce = self.scripts[-1].partition("\n")[0].removeprefix("nonce=")
        texts = (f"N part {n}\n{t}\nN said 0\n\nN done {n}\n" for n, t in self.parts.items())
        said = f"motd\nN begin 1\n{''.join(texts)}N end\n"
        return Completed(0, said.replace("N ", f"{nonce} ").encode(), b"")


async def report(link: FakeLink, preferences: Preferences | None = None) -> Report:
    """Ask."""
    return await Asker(lambda: 1000.0).ask(link, HOST, preferences or Preferences())


ANSWERS = {
    "4096 GET /global/health": ok({"healthy": True, "version": "1.2.3"}),
    "4096 GET /session/status": ok({"ses_a": {"type": "busy"}}),
    "4096 GET /permission": ok([]),
    "4096 GET /question": ok([]),
}


async def test_online() -> None:
    """Everything that was told is in the report, with when, how long and over what."""
    link = FakeLink(ANSWERS, Host(PARTS).run, via=Via.OPENSSH, via_reason="a FIDO key")
    found = await report(link)
    assert found.state is HostState.ONLINE
    assert (found.system, found.program, found.version) == ("Linux 6", "/o", "1.2.3")
    assert found.servers == (Server(4096, pid=42, directory="/p", version="1.2.3"),)
    assert [(one.id, one.live) for one in found.sessions] == [("ses_a", Live.BUSY)]
    assert (found.at, found.via, found.via_reason) == (1000.0, Via.OPENSSH, "a FIDO key")
    assert found.took >= 0
    assert found.failures == ()


async def test_script() -> None:
    """The script gets what was configured: the host's own before what holds for all."""
    host = Host(PARTS)
    chosen = Preferences(
        polling=Polling(timeout=5), sessions=Sessions(enrich_from_db=False, scan_paths=("~", "/x"))
    )
    await report(FakeLink(ANSWERS, host.run), chosen)
    link = FakeLink(ANSWERS, host.run)
    await Asker(lambda: 1000.0).ask(link, HostSpec("box"), chosen)
    first, second = host.scripts
    assert "\nseconds=3\n" in first
    assert "\nknown_program=''\nknown_database=''\n" in first
    assert "\nuse_db=0\n" in first
    assert "\nopencode_path='~/oc'\n" in first
    assert "\nset -- '~/src'\n" in first
    assert "\nset -- '~' /x\n" in second


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ({**PARTS, "opencode": "program \n", "servers": ""}, HostState.NO_OPENCODE),
        ({**PARTS, "opencode": "program \n"}, HostState.ONLINE),
        ({"host": "", "sessions": "", "servers": ""}, HostState.ONLINE),
    ],
)
async def test_state(parts: dict[str, str], state: HostState) -> None:
    """A host has no OpenCode when it says so and none runs, not when that part has failed."""
    assert (await report(FakeLink(ANSWERS, Host(parts).run))).state is state


async def test_unreached() -> None:
    """What kept us from the host is the report."""

    def gone(_command: str, _stdin: bytes) -> Unreached:
        return replace(UNREACHED, how="password", blocked_by="gate")

    found = await report(FakeLink(runs=gone))
    assert (found.state, found.reason) == (HostState.UNREACHABLE, "no route")
    assert (found.how, found.mend, found.blocked_by) == ("password", ("ping it",), "gate")
    assert not found.reached


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (
            Completed(1, b"\nThis account is not available.\n", b""),
            "This account is not available.",
        ),
        (Completed(127, b"motd", b"a\nrbash: /bin/sh: restricted\n"), "rbash: /bin/sh: restricted"),
        (Completed(3, b"", b""), "exit code 3"),
    ],
)
async def test_no_shell(done: Completed, reason: str) -> None:
    """A login that runs no script for us is an error, with its last word."""
    found = await report(FakeLink(runs=lambda _command, _stdin: done))
    assert found.state is HostState.ERROR
    assert found.reason == f"its shell ran no script for us: {reason}"


async def test_cut_off() -> None:
    """What came before the connection broke is kept, and what did not is told."""
    broken = Unreached(HostState.ERROR, "the connection was lost")
    found = await report(FakeLink(ANSWERS, Host(PARTS).run, broken=broken))
    assert found.state is HostState.ONLINE
    assert found.failures == (Failure("host", "the connection was lost"),)


async def test_no_time_left() -> None:
    """When the script has taken all the time, the servers are not asked, and the report says so."""
    link = FakeLink(ANSWERS, Host(PARTS).run)
    found = await report(link, Preferences(polling=Polling(timeout=0.1)))
    assert found.failures == (Failure("live", "no time was left to ask the servers"),)
    assert [one.live for one in found.sessions] == [None]
    assert link.asked == []


FIRST = {
    **PARTS,
    "sessions": f"N item mark\n1 2\nN item db\n{ROW}",
    "opencode": "program /o\nfile 3 4\nversion 1.2.3",
}
SAME = {**PARTS, "sessions": "N item unchanged\n", "opencode": "program /o\nfile 3 4\n"}
KNOWN = "\nknown_program='3 4'\nknown_database='1 2'\n"


async def test_again() -> None:
    """What has not changed is not told again, what sessions do is; after a while all is asked."""
    host, now = Host(FIRST), [1000.0]
    asker = Asker(lambda: now[0])
    link = FakeLink(ANSWERS, host.run)
    await asker.ask(link, HOST, Preferences())
    host.parts, now[0] = SAME, 1599.0
    link.answers = {**ANSWERS, "4096 GET /session/status": ok({})}
    found = await asker.ask(link, HOST, Preferences())
    assert (found.version, found.failures) == ("1.2.3", ())
    assert [(one.id, one.live) for one in found.sessions] == [("ses_a", Live.IDLE)]
    host.parts, now[0] = FIRST, 1600.0
    await asker.ask(link, HOST, Preferences())
    await asker.ask(link, HostSpec("other"), Preferences())
    assert [KNOWN in script for script in host.scripts] == [False, True, False, False]


@pytest.mark.parametrize("between", [b"", b"no shell today"])
async def test_silence_is_no_news(between: bytes) -> None:
    """A host that told nothing in between is known as before."""
    host = Host(FIRST)
    asker = Asker(lambda: 1000.0)
    await asker.ask(FakeLink(ANSWERS, host.run), HOST, Preferences())
    silent = FakeLink(runs=lambda _command, _stdin: Completed(1, between, b""))
    assert (await asker.ask(silent, HOST, Preferences())).state is HostState.ERROR
    await asker.ask(FakeLink(ANSWERS, host.run), HOST, Preferences())
    assert [KNOWN in script for script in host.scripts] == [False, True]
