"""Answers of hosts as the script prints them, cut anywhere, and with anything in them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.answer import Marks, Told, read_answer, read_servers
from opencoderouter.core.fleet.model import Failure, Load, Server, Session

NONCE = "f00d"
ROW = {
    "id": "ses_one",
    "title": "Mend it",
    "directory": "/home/alice/proj",
    "worktree": "/home/alice/proj",
    "agent": "build",
    "model": "echo",
    "cost": 0.25,
    "tokens_in": 10,
    "tokens_out": 20,
    "created": 1_795_418_597_030,
    "updated": 1_795_418_597_071,
    "archived": None,
    "messages": 2,
    "last": '["APIError","assistant",1795418597093]',
    "children": "ses_sub,ses_subsub",
}
SESSION = Session(
    "ses_one",
    title="Mend it",
    directory="/home/alice/proj",
    project="/home/alice/proj",
    agent="build",
    model="echo",
    cost=0.25,
    tokens_in=10,
    tokens_out=20,
    messages=2,
    created=1_795_418_597.03,
    updated=1_795_418_597.071,
    error="APIError",
)
OPENCODE = "program /usr/bin/opencode\nversion 1.18.33"
HOST = """system Linux 6.1.0
cpus 8
load 0.50 0.40 0.30 1/234 5678
MemTotal:       16000 kB
MemAvailable:    8000 kB
disk /dev/vda1  1000  600  400  60% /home with spaces"""
NO_VERSION = "/o: does not tell its version"
SERVERS = f"server 42 0100007F:1000 {b'/p'.hex()} {b'opencode'.hex()} -"


def part(name: str, text: str, code: int = 0, said: str = "") -> str:
    """Return a part as the script prints it."""
    begin, end = f"\n{NONCE} part {name}\n{text}", f"\n{NONCE} said {code}\n{said}\n"
    return f"{begin}{end}\n{NONCE} done {name}\n"


def item(word: str, text: str) -> str:
    """Return an item of a part."""
    return f"\n{NONCE} item {word}\n{text}"


def database(*rows: object) -> str:
    """Return what the database told."""
    return item("db", json.dumps(rows, indent=2))


def answer(
    opencode: str = part("opencode", OPENCODE),
    sessions: str = part("sessions", database(ROW)),
    host: str = part("host", HOST),
    servers: str = part("servers", SERVERS),
) -> bytes:
    """Return a whole answer."""
    parts = f"{host}{servers}{sessions}{opencode}"
    return f"hi\n\n{NONCE} begin 1\n{parts}\n{NONCE} end\nbye\n".encode()


def told(output: bytes) -> Told:
    """Read an answer that is one."""
    found = read_answer(output, NONCE)
    assert found is not None
    return found


def test_whole() -> None:
    """Each part becomes what the report has of it."""
    found = told(answer())
    assert found.system == "Linux 6.1.0"
    assert (found.program, found.version) == ("/usr/bin/opencode", "1.18.33")
    assert found.load == Load(0.5, 8, 16_384_000, 8_192_000, 1_024_000, 409_600)
    assert [place.server for place in found.places] == [Server(4096, pid=42, directory="/p")]
    assert found.sessions == (SESSION,)
    assert found.roots == {"ses_sub": "ses_one", "ses_subsub": "ses_one"}
    assert found.unfinished == frozenset()
    assert found.failures == ()


def test_not_run() -> None:
    """Where the script did not run nothing is known."""
    assert read_answer(b"This account is currently not available.\n", NONCE) is None


def test_cut_anywhere() -> None:
    """Cut anywhere, an answer says what it lacks, and never more than was told."""
    whole = answer()
    full = told(whole)
    for size in range(whole.index(b"begin 1") + 8, whole.index(b"\nf00d end")):
        found = told(whole[:size])
        failed = {failure.part for failure in found.failures}
        assert found.load == full.load or "host" in failed, size
        assert found.places == full.places or "servers" in failed, size
        assert found.sessions == full.sessions or "sessions" in failed, size
        assert found.version == full.version or "opencode" in failed, size
        assert set(found.sessions) <= set(full.sessions)


@pytest.mark.parametrize(
    ("last", "error", "unfinished"),
    [
        ('["MessageAbortedError","assistant",1]', "", False),
        ('[null,"assistant",null]', "", True),
        ('[null,"assistant",1795418597093]', "", False),
        ('[null,"user",null]', "", False),
        ("no json", "", False),
        ("[1]", "", False),
        (None, "", False),
    ],
)
def test_last_message(last: object, error: str, *, unfinished: bool) -> None:
    """The newest message tells of an error, but not of a person's stop, and of work not ended."""
    found = told(answer(sessions=part("sessions", database({**ROW, "last": last}))))
    assert found.sessions == (replace(SESSION, error=error),)
    assert bool(found.unfinished) is unfinished


def test_global_project() -> None:
    """A directory without a repository belongs to no project."""
    found = told(answer(sessions=part("sessions", database({**ROW, "worktree": "/"}))))
    assert found.sessions[0].project == ""


def test_bad_rows() -> None:
    """Sessions whose id or directory is none, and what is no session, are left out."""
    rows = ({**ROW, "id": "$(x)"}, {**ROW, "directory": "../x"}, 7, ROW, {**ROW, "title": "again"})
    assert told(answer(sessions=part("sessions", database(*rows)))).sessions == (SESSION,)


def test_newest_first() -> None:
    """Sessions of several projects are in one order."""
    lists = "".join(
        item("list", json.dumps([{**ROW, "id": f"ses_{at}", "updated": at}])) for at in (2, 3, 1)
    )
    found = told(answer(sessions=part("sessions", lists)))
    assert [session.id for session in found.sessions] == ["ses_3", "ses_2", "ses_1"]


@pytest.mark.parametrize(
    ("sessions", "ids", "reasons"),
    [
        (part("sessions", ""), [], []),
        (part("sessions", item("list", "")), [], []),
        (part("sessions", item("db", "")), [], []),
        (part("sessions", database()), [], []),
        (part("sessions", item("db", "Migrating...\n" + json.dumps([ROW]))), ["ses_one"], []),
        (
            part("sessions", item("db", "{]"), 0),
            [],
            ["opencode's answer is no list: '{]'"],
        ),
        (
            part(
                "sessions",
                item("db", "") + item("failed", "") + item("list", json.dumps([ROW])),
                0,
                "Error: no such column: x",
            ),
            ["ses_one"],
            ["opencode db: Error: no such column: x; asked project by project"],
        ),
        (part("sessions", item("db", ""), 124), [], ["OpenCode took too long"]),
        (
            part("sessions", item("list", json.dumps([ROW])) + item("list", "[{"), 124),
            ["ses_one"],
            ["opencode's answer is no list: '[{'", "OpenCode took too long"],
        ),
        (
            part("sessions", item("db", "") + item("failed", ""), 1, "show version number"),
            [],
            ["this OpenCode does not know --pure, without which it could run plugins"],
        ),
        ("", [], ["the answer was cut off"]),
    ],
)
def test_sessions(sessions: str, ids: list[str], reasons: list[str]) -> None:
    """What was told is kept; what was not is a failure of this part alone."""
    found = told(answer(sessions=sessions))
    assert [session.id for session in found.sessions] == ids
    assert list(found.failures) == [Failure("sessions", reason) for reason in reasons]


@pytest.mark.parametrize(
    ("text", "code", "said", "program", "version", "reasons"),
    [
        ("program \n", 0, "", "", "", []),
        ("program /o\n", 0, "", "/o", "", []),
        ("program /o\nversion v0.3.1-dev+x\n", 0, "", "/o", "0.3.1-dev+x", []),
        ("program /o\nversion garbage\nmore", 0, "", "/o", "", ["/o: does not tell its version"]),
        ("program /o\nversion ", 1, "boom", "/o", "", ["/o: boom"]),
        ("program /o\nversion ", 124, "", "/o", "", ["/o: it took too long"]),
        ("", 124, "", "", "", ["the host took too long"]),
        ("program /o\nversion 1." + "1" * 9_000_000 + "!", 0, "", "/o", "", [NO_VERSION]),
        ("program \nmissing\n", 0, "", "", "", ["there is no program at opencode_path"]),
    ],
)
def test_opencode(
    text: str, code: int, said: str, program: str, version: str, reasons: list[str]
) -> None:
    """A program that is broken is there, and what is wrong with it is told."""
    found = told(answer(opencode=part("opencode", text, code, said)))
    assert (found.program, found.version) == (program, version)
    assert [failure.reason for failure in found.failures] == reasons


@pytest.mark.parametrize(
    ("text", "load"),
    [
        ("", None),
        ("cpus \nload \ndisk ", None),
        ("cpus x\nload nan\ndisk a b c", None),
        ("load { 1.25 1.0 0.9 }", Load(load1=1.25)),
        ("cpus 4\nMemTotal: 10 kB", Load(cpus=4, memory_total=10_240)),
    ],
)
def test_load(text: str, load: Load | None) -> None:
    """What the host does not tell is None."""
    assert told(answer(host=part("host", text))).load == load


def test_failed_parts() -> None:
    """Host and servers fail by themselves."""
    found = told(answer(host=part("host", "", 124), servers=part("servers", "", 127, "no awk")))
    assert found.failures == (
        Failure("host", "the host took too long"),
        Failure("servers", "no awk"),
    )
    assert found.sessions == (SESSION,)


def test_cut_off() -> None:
    """A part that was cut off is named once, by who shows its failure."""
    assert told(answer(opencode="")).failures == (Failure("opencode", "the answer was cut off"),)


def test_too_many_sessions() -> None:
    """Of a host that tells of more sessions than anybody has, some are kept, and it is told."""
    rows = [{"id": f"ses_{at}", "directory": "/p"} for at in range(20_001)]
    found = told(answer(sessions=part("sessions", item("db", json.dumps(rows)))))
    assert len(found.sessions) == 20_000
    assert found.failures == (Failure("sessions", "only 20000 of 20001 sessions are read"),)


MARKED = item("mark", "12 34") + database(ROW)
FILE = "program /o\nfile 56 78\n"
FIRST = answer(part("opencode", f"{FILE}version 1.2.3"), part("sessions", MARKED))


def again(opencode: str = FILE, sessions: str = item("unchanged", "")) -> Told:
    """Read the answer after the first one."""
    output = answer(part("opencode", opencode), part("sessions", sessions))
    found = read_answer(output, NONCE, told(FIRST).lasting)
    assert found is not None
    return found


def test_unchanged() -> None:
    """What has not changed is taken of the answer before, the rest of this one; marks stay."""
    before, found = told(FIRST), again()
    assert before.marks == Marks("56 78", "12 34")
    assert found == before
    assert found.roots == {"ses_sub": "ses_one", "ses_subsub": "ses_one"}


def test_changed() -> None:
    """What is told anew counts, even if it is nothing."""
    found = again(f"{FILE}version 1.2.4", item("mark", "12 35") + database())
    assert (found.version, found.sessions, found.roots) == ("1.2.4", (), {})
    assert found.marks == Marks("56 78", "12 35")
    assert again("program /p\nfile 9 9\nversion ").version == ""


@pytest.mark.parametrize(
    ("opencode", "sessions"),
    [
        (part("opencode", f"{FILE}version ", 1), part("sessions", MARKED, 124)),
        (
            part("opencode", f"{FILE}version x"),
            part("sessions", MARKED + item("failed", ""), 0, "Error: x"),
        ),
        ("", f"\n{NONCE} part sessions\n{MARKED}"),
        (
            part("opencode", "program /o\nfile ; rm\nversion 1.2.3"),
            part("sessions", item("mark", "$(id)") + database(ROW)),
        ),
    ],
)
def test_no_marks(opencode: str, sessions: str) -> None:
    """What was not told well has no mark: it is asked again."""
    assert told(answer(opencode, sessions)).marks == Marks()


def test_lasting() -> None:
    """What is kept of an answer has no secret in it, and nothing that is of its moment."""
    kept = told(FIRST).lasting
    assert (kept.places, kept.load, kept.failures) == ((), None, ())
    assert kept.sessions == (SESSION,)


def test_servers_only() -> None:
    """A run for the servers alone is read; one that failed tells nothing."""
    alone = f"\n{NONCE} begin 1\n{part('servers', SERVERS)}\n{NONCE} end\n".encode()
    assert read_servers(alone, NONCE) == told(answer()).places
    assert read_servers(alone[:-40], NONCE) is None
    assert read_servers(b"", NONCE) is None


def test_secrets_are_not_shown() -> None:
    """What was told can be printed."""
    env = b"OCR_SERVER_ID=x\nOPENCODE_SERVER_PASSWORD=hush".hex()
    found = told(answer(servers=part("servers", f"{SERVERS[:-1]}{env}")))
    secret = found.places[0].authorization
    assert secret is not None
    assert secret not in repr(found)


@given(st.text())
def test_never_raises(text: str) -> None:
    """Any text of a part is read."""
    for name in ("opencode", "sessions", "host", "servers"):
        told(answer(**{name: part(name, text)}))
    told(answer(sessions=part("sessions", item("db", text))))


VALUES = st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(sorted(ROW)), VALUES))
def test_never_raises_for_rows(changed: dict[str, object]) -> None:
    """Any values of the database's columns are read."""
    told(answer(sessions=part("sessions", database({**ROW, **changed}))))
