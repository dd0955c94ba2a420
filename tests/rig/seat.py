"""A client that sits somewhere else: another user of this machine, or another machine.

It is a process that does what it is told, a line of JSON each way: secrets are in its input, never
in its arguments.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.rig.stranger import UID, stranger

Address = tuple[str, int]
SCRIPT = """
import json, select, socket, struct, sys, time
TIMEOUT = 20
held, count = {}, 0

def connect(to):
    return socket.create_connection(tuple(to), TIMEOUT)

def rest(link):
    said, end = b"", time.monotonic() + TIMEOUT
    try:
        while piece := link.recv(65536):
            said += piece
            if time.monotonic() > end:
                return "timeout"
    except TimeoutError:
        return "timeout"
    except ConnectionError:
        pass
    return said.decode("latin-1")

def head(link):
    said = b""
    try:
        while b"\\r\\n\\r\\n" not in said:
            piece = link.recv(65536)
            if not piece:
                break
            said += piece
    except OSError:
        pass
    return said.decode("latin-1")

def whole(said):
    head, end, body = said.partition(b"\\r\\n\\r\\n")
    if not end:
        return False
    sizes = [x for x in head.lower().split(b"\\r\\n") if x.startswith(b"content-length:")]
    upgraded = head.startswith(b"HTTP/1.1 101")
    return upgraded or bool(sizes) and len(body) >= int(sizes[0].partition(b":")[2])

def ask(to, data):
    said = b""
    with connect(to) as link:
        link.sendall(data.encode("latin-1"))
        try:
            while not whole(said) and (piece := link.recv(65536)):
                said += piece
        except TimeoutError:
            return "timeout"
        except ConnectionError:
            pass
    return said.decode("latin-1")

def hold(to, data):
    global count
    count += 1
    held[count] = connect(to)
    held[count].sendall(data.encode("latin-1"))
    return [count, head(held[count])]

def end(number):
    with held.pop(number) as link:
        return rest(link)

def drop(to, data, abort):
    with connect(to) as link:
        if abort:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sendall(data.encode("latin-1"))

def crowd(to, number, enough):
    many = [connect(to) for _ in range(number)]
    held.update((id(link), link) for link in many)
    heard, end = [], time.monotonic() + TIMEOUT
    while len(heard) < enough and time.monotonic() < end:
        for link in select.select(many, [], [], 1)[0]:
            many.remove(link)
            heard.append(rest(link))
    return [heard, len(many)]

def leave():
    for link in held.values():
        link.close()
    held.clear()

def read(path):
    try:
        with open(path, "rb") as file:
            file.read(1)
        return "read"
    except OSError as error:
        return type(error).__name__

for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        result = globals()[name](*arguments)
    except OSError as error:
        result = {"error": str(error)}
    print(json.dumps(result), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; no field of it is joined or dropped."""

    raw: str

    @property
    def status(self) -> int:
        """Return the status, 0 when there was no answer."""
        return int(self.raw.split(" ", 2)[1]) if self.raw.startswith("HTTP/1.1 ") else 0

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Return the header fields, names in lower case."""
        lines = self.raw.partition("\r\n\r\n")[0].split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return [(name.lower(), value) for name, _, value in pairs]

    @property
    def body(self) -> str:
        """Return what follows the head, chunks and all."""
        return self.raw.partition("\r\n\r\n")[2]

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of a name."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """Return the value of a field, empty when there is none."""
        return ", ".join(self.all(name))


class Seat:
    """Somebody at their keyboard."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, to: Address, request: bytes) -> Reply:
        """Send a request over a connection of its own, and return the answer to it."""
        return Reply(self._do("ask", to, request.decode("latin-1")))

    def hold(self, to: Address, request: bytes) -> tuple[int, Reply]:
        """Send a request; return a number, and the answer's head. The connection stays open."""
        number, head = self._do("hold", to, request.decode("latin-1"))
        return int(number), Reply(head)

    def end(self, number: int) -> str:
        """Wait until the other side closes a connection; return what still came."""
        said = str(self._do("end", number))
        assert said != "timeout", "it stays open"
        return said

    def drop(self, to: Address, request: bytes, *, abort: bool) -> None:
        """Send a request and close at once, or ``abort``."""
        self._do("drop", to, request.decode("latin-1"), abort)

    def crowd(self, to: Address, number: int, *, enough: int) -> tuple[list[Reply], int]:
        """Open so many connections, say nothing, and wait until so many are answered and closed.

        Return these answers, and how many connections are open.
        """
        answered, waiting = self._do("crowd", to, number, enough)
        return [Reply(raw) for raw in answered], int(waiting)

    def leave(self) -> None:
        """Close every connection that is held."""
        self._do("leave")

    def read(self, path: object) -> str:
        """Read a file: ``read``, or what hinders."""
        return str(self._do("read", str(path)))

    def _do(self, *order: object) -> Any:  # noqa: ANN401 - each has its own
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        result = json.loads(self._process.stdout.readline())
        assert not isinstance(result, dict), result
        return result


@contextmanager
def seat(by: Sequence[str] = ()) -> Iterator[Seat]:
    """Sit here, or where the command ``by`` leads."""
    with subprocess.Popen(
        [*by, sys.executable, "-I", "-S", "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Seat(process)
        finally:
            process.kill()


@contextmanager
def strangers_seat() -> Iterator[Seat]:
    """Sit on this machine as another user."""
    with stranger(UID, SCRIPT) as process:
        yield Seat(process)
