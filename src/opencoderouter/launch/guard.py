"""The guard: a small process that starts servers for the router and outlives it by a moment.

``python -m opencoderouter.launch.guard FD``, or what comes to the same. ``FD`` is a stream socket
whose other end only the router holds. When it ends, the router is dead, however it died, and every
descendant is killed. The parent-death signal alone would not do that: it is cleared on fork, and an
agent's tools live in sessions of their own.

Over the socket go JSON objects, one a line, each with a ``server``. From the router come ``{"do":
"spawn", "argv", "directory", "password"}``, sent with the descriptor that takes the output,
``{"do": "look"}`` (remember what is below it now), ``{"do": "signal", "number"}`` (to its process
group) and ``{"do": "sweep"}`` (kill what it has left). To it go ``{"did": "started", "pid"}``,
``{"did": "failed", "errno", "path"}``, ``{"did": "looked"}``, ``{"did": "exited", "code"}`` and
``{"did": "swept"}``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from opencoderouter.kernel import marks
from opencoderouter.launch import tree

_PAUSE = 0.01  # seconds between two looks at what is being killed
_READ = 1 << 16
_DESCRIPTORS = 16

Server = tuple[int, int]  # pid and start time: unique


class Guard:
    """What runs, and what is to be killed. ``proc`` is where the process table is read."""

    def __init__(self, router: socket.socket, proc: str = "/proc") -> None:
        self._router, self._proc = router, proc
        self._rest = b""
        self._outputs: deque[int] = deque()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: dict[str, set[Server]] = {}  # processes below a server, when it was signalled
        self._sweeping: dict[str, int] = {}  # how many looks in a row found nobody

    def run(self) -> None:
        """Do as the router asks until it is gone, then leave nothing behind."""
        with _signals() as signals, suppress(ConnectionError):
            poll = select.poll()
            poll.register(signals, select.POLLIN)
            poll.register(self._router, select.POLLIN)
            while self._wait(poll, signals):
                self._reap()
                self._sweep()
        self._end()

    def _wait(self, poll: select.poll, signals: socket.socket) -> bool:
        """Wait for something to do. False when the router is gone."""
        ready = {fd for fd, _ in poll.poll(_PAUSE * 1000 if self._sweeping else None)}
        if signals.fileno() in ready:
            signals.recv(_READ)
        return self._router.fileno() not in ready or self._take_orders()

    def _take_orders(self) -> bool:
        """Do what the router has sent. False when it is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._router, _READ, _DESCRIPTORS)
        self._outputs.extend(descriptors)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            getattr(self, f"_do_{order.pop('do')}")(**order)
        return bool(data)

    def _do_spawn(self, server: str, argv: list[str], directory: str, password: str | None) -> None:
        output = self._outputs.popleft()
        try:
            process = _spawn(
                argv, directory, output, marks.environment(os.environ, server, password)
            )
        except OSError as error:
            self._tell("failed", server, errno=error.errno, path=error.filename)
        else:
            self._running[server] = process
            self._tell("started", server, pid=process.pid)
        finally:
            os.close(output)

    def _do_look(self, server: str) -> None:
        if process := self._running.get(server):  # else it has ended meanwhile
            now = tree.read_tree(self._proc)
            seen = self._seen.setdefault(server, set())
            seen.update((pid, now[pid].started) for pid in tree.below(now, [process.pid]))
        self._tell("looked", server)

    def _do_signal(self, server: str, number: int) -> None:
        if process := self._running.get(server):
            _signal_group(process.pid, number)

    def _do_sweep(self, server: str) -> None:
        self._sweeping[server] = 0

    def _reap(self) -> bool:
        """Collect every child that has ended. False when there is no child at all."""
        with suppress(ChildProcessError):
            while (ended := self._wait_for_one())[0]:
                self._reaped(*ended)
            return True
        return False

    def _wait_for_one(self) -> tuple[int, int]:
        """Reap a child that has ended; a server's group is killed before its number is free."""
        ended = tree.unreaped()
        if ended == 0:
            return 0, 0
        if ended is not None:
            self._kill_group(ended)
            return os.waitpid(ended, 0)
        reaped = os.waitpid(-1, os.WNOHANG)
        self._kill_group(reaped[0])
        return reaped

    def _kill_group(self, pid: int) -> None:
        if pid in {process.pid for process in self._running.values()}:
            _signal_group(pid, signal.SIGKILL)

    def _reaped(self, pid: int, status: int) -> None:
        server = next((name for name, p in self._running.items() if p.pid == pid), None)
        if server is None:  # an orphan that came here
            return
        code = os.waitstatus_to_exitcode(status)
        self._running.pop(server).returncode = code  # else Popen would wait for it, too
        self._tell("exited", server, code=code)

    def _sweep(self) -> None:
        """Kill what servers that are gone have left, one more time."""
        if not self._sweeping:
            return
        now = tree.read_tree(self._proc)
        marks = {pid: tree.mark_of(pid, self._proc) for pid in tree.below(now, [os.getpid()])}
        for server in sorted(self._sweeping):
            seen = self._seen.setdefault(server, set())
            roots = {pid for pid, mark in marks.items() if mark == server}
            roots |= {pid for pid in marks if (pid, now[pid].started) in seen}
            victims = roots | tree.below(now, roots)
            seen.update((pid, now[pid].started) for pid in victims)
            killed = tree.kill(pid for pid in victims if not now[pid].zombie)
            self._sweeping[server] = 0 if killed else self._sweeping[server] + 1
            if self._sweeping[server] == tree.LOOKS:
                self._sweeping.pop(server)
                self._seen.pop(server)
                self._tell("swept", server)

    def _end(self) -> None:
        """Kill every descendant, again and again until there is none: they may be forking."""
        while self._reap():
            now = tree.read_tree(self._proc)
            alive = [pid for pid in tree.below(now, [os.getpid()]) if not now[pid].zombie]
            for process in self._running.values():
                _signal_group(process.pid, signal.SIGKILL)
            if not tree.kill(alive) and not self._running and (alive or not now):
                return  # what is left is out of reach
            time.sleep(_PAUSE)

    def _tell(self, did: str, server: str, **more: Any) -> None:  # noqa: ANN401 - JSON is anything
        with suppress(ConnectionError):  # the router is gone; the next read will say so
            self._router.sendall(
                json.dumps({"did": did, "server": server, **more}).encode() + b"\n"
            )


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable with every signal; none of them ends this process.

    A terminal or service manager may signal a whole family: the router decides when to end.
    """
    wakeups, kernel = socket.socketpair()
    kernel.setblocking(False)  # noqa: FBT003 - the standard library's
    signal.set_wakeup_fd(kernel.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN not handed down to the servers
    with wakeups, kernel:
        yield wakeups
        signal.set_wakeup_fd(-1)


def _spawn(
    argv: list[str], directory: str, output: int, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the command is the user's own
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=partial(tree.die_with, os.getpid()),  # noqa: PLW1509 - one thread
    )


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(leader, number)


def main() -> None:
    """Guard for the router at the other end of the descriptor that the argument names."""
    tree.become_subreaper()
    with socket.socket(fileno=int(sys.argv[1])) as router:
        Guard(router).run()


if __name__ == "__main__":
    main()
