"""Commands and streams over channels of an open connection (RFC 4254).

paramiko fills the channels from a thread of the connection, which rings a bell of the event loop;
whatever may write to the connection, reading included, is done in a thread: it can block.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from paramiko import Channel, Message
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.ssh_exception import ChannelException, SSHException

from opencoderouter.core.fleet.model import Unreached
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.fleet import verdict
from opencoderouter.fleet.process import Command
from opencoderouter.fleet.threads import Threads
from opencoderouter.fleet.transport.wire import NO_STATUS, Wire

MOST_OUTPUT = 16 << 20
_PIECE = 1 << 18
_PROHIBITED, _FAILED = 1, 2  # RFC 4254 section 5.1
_PAUSES = (0.02, 0.1, 0.5, 2.0)  # seconds until a host with too many sessions is asked again
_GRACE = 2.0  # seconds that a channel whose opening is broken off has to open


class Lost(Exception):  # noqa: N818 - an expected end, not a broken promise
    """The connection has ended, before anything was done over it."""


class _Bell(threading.Event):
    """An event of paramiko's threads that also wakes the event loop."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def set(self) -> None:
        super().set()
        self._ring()


class _Waiter:
    """Waits in the event loop for news of a channel."""

    def __init__(self, channel: Channel) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        for buffer in (channel.in_buffer, channel.in_stderr_buffer):
            buffer.set_event(_Bell(self._ring))
        bell = _Bell(self._ring)
        if channel.exit_status_ready():
            bell.set()
        channel.status_event = bell
        if channel.exit_status_ready():  # told between the two
            self._ring()

    def _ring(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    async def news(self) -> None:
        """Return when there was any since the last time."""
        await self._event.wait()
        self._event.clear()


async def opened(threads: Threads, wire: Wire, work: Callable[[], Channel]) -> Channel:
    """Return the channel that ``work`` opens. Raises what it raises.

    When this is cancelled, a channel that still comes is closed; if it does not come, there is
    something wrong with the connection, which ends.
    """
    done = threading.Event()

    def run() -> Channel:
        try:
            return work()
        except ChannelException:
            raise
        except SSHException as error:
            # of several refusals at once, paramiko has a reason for one only
            if wire.is_active() and wire.refusals and "Unable" in str(error):
                raise ChannelException(list(wire.refusals)[-1], "") from error
            raise
        finally:
            done.set()

    def abort() -> None:
        if not done.wait(_GRACE):
            wire.close()

    return await threads.make(run, Channel.close, abort)


class Runner:
    """Runs commands over one connection. ``limit`` (seconds) is for the opening of a channel."""

    def __init__(
        self, threads: Threads, wire: Wire, environment: Mapping[str, str], limit: float
    ) -> None:
        self._threads, self._wire = threads, wire
        self._environment, self._limit = environment, limit

    async def run(self, command: Command) -> Completed | Unreached:
        """Run a command to its end. Raises ``Lost`` when it cannot have begun."""
        try:
            channel = await self._session()
        except ChannelException as error:
            said = self._wire.refusals.get(error.code, "")
            return verdict.broken(f"the host opens no session: {said}")
        except (SSHException, OSError, EOFError) as error:
            raise Lost(str(error)) from error
        whole = False
        try:
            result = await self._execute(channel, command)
            whole = isinstance(result, Completed)
            return result
        finally:
            if not whole:
                self._threads.post(lambda: _kill(self._wire, channel))
            elif not channel.closed:
                await self._threads.call(channel.close)  # so that the host can count

    async def _session(self) -> Channel:
        for pause in _PAUSES:
            try:
                return await opened(self._threads, self._wire, self._open)
            except ChannelException:  # those of others, and those that have just ended, count
                await asyncio.sleep(pause)
        return await opened(self._threads, self._wire, self._open)

    def _open(self) -> Channel:
        channel = self._wire.open_session(timeout=self._limit)
        channel.exit_status = NO_STATUS
        for name, value in self._environment.items():
            channel.set_environment_variable(name, value)
        return channel

    async def _execute(self, channel: Channel, command: Command) -> Completed | Unreached:
        waiter, output = _Waiter(channel), _Output(channel, command.heard)

        def begin() -> None:
            channel.exec_command(command.line)
            if not command.stdin:
                _finish(channel, b"")

        try:
            await self._threads.call(begin, lambda: _kill(self._wire, channel))
        except (SSHException, OSError, EOFError) as error:
            return verdict.broken(f"the host does not run the command: {error}")
        if not command.stdin:
            return await self._collect(channel, output, waiter)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(self._feed(channel, command.stdin), name="stdin")
            result = await self._collect(channel, output, waiter)
            feeding.cancel()
        return result

    async def _feed(self, channel: Channel, stdin: bytes) -> None:
        await self._threads.call(
            lambda: _finish(channel, stdin), lambda: _kill(self._wire, channel)
        )

    async def _collect(
        self, channel: Channel, output: _Output, waiter: _Waiter
    ) -> Completed | Unreached:
        while True:
            await waiter.news()
            over = channel.exit_status_ready() and (channel.eof_received or channel.closed)
            if output.is_there:
                await self._threads.call(output.drain)
                output.tell()
            if output.is_too_much:
                return verdict.too_much(MOST_OUTPUT)
            if over and channel.exit_status == NO_STATUS:
                return verdict.broken("the connection was lost while the command ran")
            if over:
                return Completed(channel.exit_status, bytes(output.stdout), bytes(output.stderr))


def _finish(channel: Channel, stdin: bytes) -> None:
    """Give a command its input, and the end of it."""
    with suppress(OSError, EOFError, SSHException):  # it need not read all
        channel.sendall(stdin)
        channel.shutdown_write()


def _kill(wire: Wire, channel: Channel) -> None:
    """End a command that runs on: sshd lets it run when its channel is closed."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("signal")  # RFC 4254 section 6.9; paramiko has no words for it
    message.add_boolean(False)  # noqa: FBT003 - the wire says it so
    message.add_string("TERM")
    with suppress(OSError, EOFError, SSHException):
        if not channel.closed:
            wire._send_user_message(message)  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        channel.close()


class _Output:
    """What a command says."""

    def __init__(self, channel: Channel, listener: Callable[[bytes], None] | None) -> None:
        self._channel, self._listener = channel, listener
        self._told = 0
        self.stdout, self.stderr = bytearray(), bytearray()

    @property
    def is_too_much(self) -> bool:
        return max(len(self.stdout), len(self.stderr)) > MOST_OUTPUT

    @property
    def is_there(self) -> bool:
        return self._channel.recv_ready() or self._channel.recv_stderr_ready()

    def drain(self) -> None:
        """Read what there is. Blocks where the connection does."""
        while self._channel.recv_ready() and not self.is_too_much:
            self.stdout += self._channel.recv(_PIECE)
        while self._channel.recv_stderr_ready() and not self.is_too_much:
            self.stderr += self._channel.recv_stderr(_PIECE)

    def tell(self) -> None:
        """Pass on what is new."""
        if self._listener is not None and len(self.stdout) > self._told:
            self._listener(bytes(self.stdout[self._told :]))
        self._told = len(self.stdout)


class ChannelStream:
    """A stream to a port of a host. ``ended`` is called once, when it is closed."""

    def __init__(self, threads: Threads, channel: Channel, ended: Callable[[], None]) -> None:
        self._threads, self._channel, self._ended = threads, channel, ended
        self._waiter = _Waiter(channel)
        self._closed = False

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        if self._closed:
            message = "the stream is closed"
            raise ConnectionResetError(message)
        try:
            await self._threads.call(lambda: self._channel.sendall(data), self._channel.close)
        except (SSHException, EOFError) as error:
            raise ConnectionResetError(str(error)) from error

    async def receive(self, most: int) -> bytes:
        """Return what has come; nothing at the end. Raises OSError."""
        channel = self._channel
        while not channel.recv_ready() and not (channel.eof_received or channel.closed):
            await self._waiter.news()
        if not channel.recv_ready():
            return b""
        return await self._threads.call(lambda: channel.recv(most), channel.close)

    async def close(self) -> None:
        """End it."""
        if not self._closed:
            self._closed = True
            self._threads.post(self._channel.close)
            self._ended()


async def forwarded(
    threads: Threads, wire: Wire, address: tuple[str, int], limit: float
) -> Channel | NotForwarded:
    """Return a channel to an address as the host sees it. Raises ``Lost``."""

    def work() -> Channel:
        return wire.open_channel("direct-tcpip", address, ("127.0.0.1", 0), timeout=limit)

    try:
        return await opened(threads, wire, work)
    except ChannelException as error:
        kinds = {_PROHIBITED: "administratively prohibited", _FAILED: "connect failed"}
        kind = kinds.get(error.code, "failed")
        return verdict.not_forwarded(f"open failed: {kind}: {wire.refusals.get(error.code, '')}")
    except (SSHException, OSError, EOFError) as error:
        raise Lost(str(error)) from error
