"""The sockets: opened, opened anew, refused, and closed, on a real interface."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.rig.ear import ear
from tests.rig.netns import Network, needs_network, network
from tests.rig.publisher import Kernel, cable
from zeroconf import RecordUpdate, RecordUpdateListener, Zeroconf
from zeroconf._dns import DNSAddress
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.stack import Stack, Status
from opencoderouter.kernel.addresses import Interface

pytestmark = needs_network
_PATIENCE = 40  # seconds
# Each status is said; what makes it fail is mended when a line is heard.
SPOILED = """
import asyncio, socket, sys
from pathlib import Path
from opencoderouter.announce.stack import Stack

holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
limit = Path("/proc/sys/net/ipv4/igmp_max_memberships")
if sys.argv[1] == "port":
    holder.bind(("0.0.0.0", 5353))
else:
    limit.write_text("0")

async def main():
    stack = Stack(("lo",))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stack.run())
        async for status in stack.status.follow():
            print(status.state, status.reason, flush=True)
            if status.state == "failed":
                await asyncio.to_thread(sys.stdin.readline)
                holder.close()
                limit.write_text("20")
            if status.state == "on":
                running.cancel()
                break

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Lay a cable to another machine."""
    with network() as made:
        yield made


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[asyncio.Task[None]]:
    """Run a stack while the block lasts."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(stack.run())
        yield task
        task.cancel()


async def becomes(stack: Stack, state: str) -> Status:
    """Return the first such status."""
    async with asyncio.timeout(_PATIENCE):
        async for status in stack.status.follow():
            if status.state == state:
                return status
    raise AssertionError


async def another(stack: Stack, than: AsyncZeroconf | None) -> AsyncZeroconf:
    """Return the sockets that are there instead."""
    async with asyncio.timeout(_PATIENCE):
        async for now in stack.zeroconf.follow():
            if now is not None and now is not than:
                return now
    raise AssertionError


class Heard(RecordUpdateListener):
    """The names of what zeroconf has heard."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._news = asyncio.Event()

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Note what is for a test."""
        del zc, now
        known = {"near.local.", "far.local."} - set(self.names)
        self.names += [one.new.name for one in records if one.new.name in known]
        self._news.set()

    async def has(self, name: str) -> None:
        """Return when the name has been heard."""
        async with asyncio.timeout(_PATIENCE):
            while name not in self.names:
                self._news.clear()
                await self._news.wait()


async def looked(kernel: Kernel, times: int) -> None:
    """Return when the kernel has been asked so often."""
    async with asyncio.timeout(_PATIENCE):
        async for looks in kernel.looks.follow():
            if looks >= times:
                return


async def address(what: str, interface: Interface) -> None:
    """Add an address to an interface, or take it away."""
    command = ["ip", "address", what, "192.0.2.77/32", "dev", interface.name]
    await asyncio.to_thread(subprocess.run, command, check=True)


async def test_it_opens_what_is_wanted(net: Network) -> None:
    """There is one socket to speak with for each family, and the status says on what."""
    stack = Stack((cable(net).name,))
    async with running(stack):
        status = await becomes(stack, "on")
        opened = stack.zeroconf.value
        assert opened is not None
        assert status == Status("on", "", (cable(net),))
        ends = [sender.sock_name[0] for sender in opened.zeroconf.engine.senders]
        assert net.here in ends
        assert len(ends) == 2
    assert stack.zeroconf.value is None
    assert opened.zeroconf.done


async def test_it_waits_for_a_network(net: Network) -> None:
    """A laptop in a train is no failure; when the network comes it is used, and when it goes."""
    kernel = Kernel(())
    stack = Stack(look=kernel.look, changes=kernel.changes)
    async with running(stack):
        async with asyncio.timeout(_PATIENCE):
            async for status in stack.status.follow():
                if status.reason == "no network interface with an address":
                    break
        assert stack.status.value.state == "off"
        kernel.now(cable(net))
        await becomes(stack, "on")
        kernel.now(replace(cable(net), addresses=()))
        await becomes(stack, "off")
        assert stack.zeroconf.value is None


async def test_another_address_means_other_sockets(net: Network) -> None:
    """What is bound to an address that is gone hears nothing; other networks change nothing."""
    kernel = Kernel((cable(net),))
    stack = Stack((cable(net).name,), look=kernel.look, changes=kernel.changes)
    async with running(stack):
        first = await another(stack, None)
        kernel.now(cable(net), Interface("veth7", 99, ("198.51.100.1",)))
        await looked(kernel, 2)
        kernel.now(replace(cable(net), addresses=(net.here,)))
        second = await another(stack, first)
        assert first.zeroconf.done
        assert not second.zeroconf.done
        assert kernel.looks.value == 3


async def test_it_follows_the_kernel(net: Network) -> None:
    """An address that is added opens the sockets anew, without anybody's doing."""
    mine = cable(net)
    stack = Stack((mine.name,))
    async with running(stack):
        first = await another(stack, None)
        await address("add", mine)
        try:
            await another(stack, first)
            assert "192.0.2.77" in stack.status.value.interfaces[0].addresses
        finally:
            await address("del", mine)


async def test_what_fails_is_tried_again(net: Network) -> None:
    """A failure is a status with a reason, and ends when its cause does."""
    kernel = Kernel((cable(net),), OSError(errno.ENOBUFS, "no buffer"))
    stack = Stack(look=kernel.look, changes=kernel.changes)
    async with running(stack):
        assert await becomes(stack, "failed") == Status("failed", "no buffer")
        kernel.failing = None
        await becomes(stack, "on")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_interface_that_is_gone_is_a_failure(net: Network) -> None:
    """Between the kernel's word and the socket it may go; zeroconf then leaves a socket to gc."""
    kernel = Kernel((replace(cable(net), addresses=("198.51.100.1",)),))
    stack = Stack(look=kernel.look, changes=kernel.changes)
    async with running(stack):
        assert (await becomes(stack, "failed")).reason == "No such device"
        assert stack.zeroconf.value is None
        kernel.now(cable(net))
        await becomes(stack, "on")
    gc.collect()


@pytest.mark.parametrize(
    ("what", "reason"),
    [("port", "disallow-other-stacks"), ("memberships", "no interface takes multicast")],
)
def test_what_does_not_open(net: Network, what: str, reason: str) -> None:
    """The status says why: of a port that is not shared, by whom; afterwards it is on."""
    command = net.command(sys.executable, "-c", SPOILED, what)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        said, wrong = program.communicate("go on\n", timeout=_PATIENCE)
    assert [line.split()[0] for line in said.splitlines()] == ["off", "failed", "on"], wrong
    assert reason in said
    assert "Traceback" not in wrong


async def test_it_hears_only_where_it_is_wanted(net: Network) -> None:
    """What another program listens to on another interface is not for us."""
    stack = Stack((cable(net).name,))
    heard = Heard()
    with network() as elsewhere:
        async with running(stack), ear(elsewhere.here) as other, ear(net.here) as same:
            opened = await another(stack, None)
            opened.zeroconf.async_add_listener(heard, None)
            other.say(DNSAddress("far.local.", 1, 1, 120, bytes(4)))
            same.say(DNSAddress("near.local.", 1, 1, 120, bytes(4)))
            await heard.has("near.local.")
    assert heard.names == ["near.local."]


async def test_it_stays_open_for_a_goodbye(net: Network) -> None:
    """Who uses the sockets may still send when everything ends at once."""
    stack = Stack((cable(net).name,))
    seen: list[AsyncZeroconf | None] = []

    async def use() -> None:
        with stack.used():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.1)
                seen.append(stack.zeroconf.value)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stack.run()), group.create_task(use())]
        opened = await another(stack, None)
        for task in tasks:
            task.cancel()
    assert seen == [opened]


async def test_it_does_not_wait_for_ever(net: Network) -> None:
    """Who does not end is left behind."""
    stack = Stack((cable(net).name,))
    with stack.used():
        async with running(stack):
            opened = await another(stack, None)
        assert opened.zeroconf.done


async def test_the_library_is_kept_short(net: Network, caplog: pytest.LogCaptureFixture) -> None:
    """What zeroconf says is one line, once, without a traceback, and cannot move the cursor."""
    stack = Stack((cable(net).name,))
    async with running(stack):
        await becomes(stack, "on")
        for _ in range(2):
            logging.getLogger("zeroconf").warning("odd \x1b[2J", exc_info=OSError("x"))
    (line,) = [one for one in caplog.records if "odd" in one.getMessage()]
    assert line.getMessage() == r"mdns note=odd \x1b[2J"
    assert not line.exc_info
