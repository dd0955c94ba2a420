"""Malformed and ambiguous requests: nothing, or one well-formed request, reaches the backend."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.proxy.lane.corpus import Entry, Reach
from tests.wire.proxy.lane.corpus_more import EVERYTHING, GROUPS
from tests.wire.proxy.lane.judge import Message, Nonsense, answers, prefix
from tests.wire.proxy.lane.notes import HOST, Notes, noted, send_in_parts
from tests.wire.proxy.through import Client

pytestmark = pytest.mark.usefixtures("quiet")

PATIENCE = 5.0  # seconds that only a hang takes
LAST = {400, 414, 431, 501, 505}  # where the next request would begin, nobody knows


def test_the_corpus_is_large() -> None:
    """No entry is there twice, and there are enough."""
    assert len({entry.name for entry in EVERYTHING}) > 1000
    assert len({entry.data for entry in EVERYTHING}) > 1000


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("group", GROUPS)
async def test_malformed(group: str, parts: int) -> None:
    """Each comes to what the corpus says; the next request is answered as if nothing had been."""
    wrong: list[str] = []
    async with noted() as notes:
        for entry in GROUPS[group]():
            if complaint := await judged(notes, entry, parts):
                wrong.append(f"{entry.name}: {complaint}")
            if sum("hangs" in one for one in wrong) > 2:
                break
    assert not wrong, "\n".join(wrong)


async def judged(notes: Notes, entry: Entry, parts: int) -> str:
    """Return what is wrong with the way an entry is dealt with; nothing when all is well."""
    notes.mark()
    try:
        async with asyncio.timeout(PATIENCE):
            got = answers(await asked(notes, entry, parts))
            seen, begun = await notes.taken()
    except (Nonsense, ConnectionError) as failure:
        return f"{type(failure).__name__} {failure}"
    except TimeoutError:
        return "hangs"
    told = [one.status for one in got]
    missing = len(entry.statuses) - len(told)
    fitting = all(status in allowed for status, allowed in zip(told, entry.statuses, strict=False))
    if not fitting or missing not in ({0, 1} if entry.unfinished else {0}):
        return f"answered {told}"
    if begun and entry.reach is not Reach.BEGUN:
        return "the beginning of a request reached the backend"
    return mismatch(got, seen)


def mismatch(got: list[Message], seen: list[Message]) -> str:
    """Tell where the answers are not those to the requests that the backend saw."""
    answered = [one.body for one in got if one.status == 200]
    asked = [one.start for one in seen]
    return "" if answered == asked else f"answered {answered}, seen {asked}"


async def asked(notes: Notes, entry: Entry, parts: int) -> bytes:
    """Send an entry; return all that comes back until the router closes.

    In one part, the client finishes at once. In two, only when all answers have come: after a 400
    the router must close by itself.
    """
    async with notes.proxy.client() as client:
        cut = len(entry.data) // 2 if parts == 2 and not entry.rude else 0
        got = b""
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was sent
            await send_in_parts(client, entry.data[:cut], entry.data[cut:])
        if parts == 2 and not entry.unfinished:
            got = await until(client, entry)
        finish(client)
        return got + await client.rest()


def finish(client: Client) -> None:
    """Send no more, where the router has not closed the connection already."""
    with suppress(OSError):
        client.writer.write_eof()


async def until(client: Client, entry: Entry) -> bytes:
    """Return what comes until all answers are there; to the end after one that must be the last."""
    got = b""
    while data := await client.reader.read(65536):
        got += data
        with suppress(Nonsense):
            whole = [one for one in answers(got, ended=False) if one.whole]
            if len(whole) >= len(entry.statuses) and whole[-1].status not in LAST:
                break
    return got


WELL_FORMED = [
    b"GET /a?b=c HTTP/1.1\r\n" + HOST + b"X: y\r\n\r\n",
    b"GET http://alpha.localhost/a HTTP/1.1\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
    b"POST /b HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\n\r\nhello world",
    b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n",
    b"GET /d HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    b"DELETE /e HTTP/1.0\r\n" + HOST + b"Content-Length: 1\r\nConnection: keep-alive\r\n\r\nx",
]
PIECES = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from(
        [
            *(b"\r\n", b"\r", b"\n", b" ", b"\t", b"\0", b"\x0b", b":", b",", b";", b"\xff", b"0"),
            *(
                b"\r\n\r\n",
                b"0\r\n\r\n",
                b"\r\n ",
                b"chunked",
                b"Content-Length: 3\r\n",
                b"HTTP/1.",
            ),
            *(b"Transfer-Encoding: chunked\r\n", b"GET /x HTTP/1.1\r\n", HOST, b"+", b"-", b"_"),
        ]
    ),
)
PLACES = st.tuples(st.floats(0, 1), st.integers(0, 4), st.just(b"") | PIECES)


def mutated(bases: list[bytes], changes: list[tuple[float, int, bytes]]) -> bytes:
    """Return requests with a few bytes cut out at some places, and others put in."""
    data = b"".join(bases)
    for where, cut, piece in changes:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + cut :]
    return data


async def test_mutations() -> None:
    """What reaches the backend are the first well-formed ones of the requests, body for body."""
    async with noted() as notes:
        examples: list[bytes] = []
        collect(examples)
        wrong = [
            f"{data!r}: {complaint}"
            for data in examples
            if (complaint := await mutation(notes, data))
        ]
    assert not wrong, "\n".join(wrong)


def collect(examples: list[bytes]) -> None:
    """Have mutations made; they are always the same ones."""

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(st.sampled_from(WELL_FORMED), min_size=1, max_size=3),
        st.lists(PLACES, min_size=1, max_size=4),
    )
    def make(bases: list[bytes], changes: list[tuple[float, int, bytes]]) -> None:
        examples.append(mutated(bases, changes))

    make()


async def mutation(notes: Notes, data: bytes) -> str:
    """Return what is wrong with the way that bytes are dealt with."""
    notes.mark()
    try:
        async with asyncio.timeout(PATIENCE), notes.proxy.client() as client:
            with suppress(BrokenPipeError, ConnectionResetError):
                await client.send(data)
            finish(client)
            got = answers(await client.rest(), [one.start.split()[0] for one in prefix(data)])
            seen, _ = await notes.taken()
    except (Nonsense, ConnectionError) as failure:
        return f"{type(failure).__name__} {failure}"
    except TimeoutError:
        return "hangs"
    if any(one.status == 500 for one in got):
        return "500"
    return mismatch(got, seen) or hidden(prefix(data), seen)


def hidden(wanted: list[Message], seen: list[Message]) -> str:
    """Tell what the backend saw that a strict reader does not find in the bytes."""
    left = iter([(one.start.split()[0], one.body) for one in wanted])
    for one in seen:
        if (one.start.split()[0], one.body) not in left:
            return f"{one} is not in {wanted}"
    return ""
