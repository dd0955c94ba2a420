"""Every host is asked in its turn, whatever one of them does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.rig.timeless import EPOCH, clock, run

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import HostSpec, HostState, Report, Resolved
from opencoderouter.core.fleet.preferences import Polling
from opencoderouter.fleet.prober import Prober

POLLING = Polling(interval=30.0, timeout=10.0, jitter=0.0, max_parallel=4)
Say = Callable[[HostSpec], Awaitable[HostState]]


class Hosts:
    """Hosts that take a second to answer. ``trace`` has who was asked, and when (seconds)."""

    def __init__(self, **states: HostState) -> None:
        self.states = states
        self.takes: dict[str, float] = {}
        self.trace: list[tuple[float, str]] = []
        self.most = self._now = 0

    async def ask(self, host: HostSpec) -> Report:
        """Answer as the host does, in its time."""
        self.trace.append((round(clock() - EPOCH, 3), host.alias))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(self.takes.get(host.alias, 1.0))
        finally:
            self._now -= 1
        return Report(self.states.get(host.alias, HostState.ONLINE), clock())

    def times(self, alias: str) -> list[float]:
        """Return when a host was asked."""
        return [at for at, one in self.trace if one == alias]


def specs(aliases: Iterable[str]) -> tuple[HostSpec, ...]:
    """Return hosts of these names."""
    return tuple(HostSpec(alias) for alias in aliases)


def prober(hosts: Hosts, aliases: Iterable[str], polling: Polling = POLLING) -> Prober:
    """Return what asks these hosts."""
    fleet = Fleet().of(specs(aliases))
    return Prober(hosts.ask, polling, fleet=fleet, clock=clock, draw=lambda: 0.5)


@asynccontextmanager
async def running(one: Prober) -> AsyncIterator[Prober]:
    """Run it while the block does."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run())
        yield one
        task.cancel()


async def swept(one: Prober) -> Fleet:
    """Return the fleet once the sweep of now has ended."""
    async for fleet in one.fleet.follow():
        if not fleet.sweeping and not any(
            entry.next_at is None for entry in fleet.entries.values()
        ):
            return fleet
    raise AssertionError


def test_more_hosts_than_slots() -> None:
    """Eleven hosts and four slots: all are asked, never more than four at once."""

    async def main() -> None:
        hosts = Hosts()
        async with running(prober(hosts, map(str, range(11)))) as one:
            fleet = await swept(one)
        assert {entry.report.state for entry in fleet.entries.values() if entry.report} == {
            "online"
        }
        assert hosts.most == 4
        assert [at for at, _ in hosts.trace] == [0.0] * 4 + [1.0] * 4 + [2.0] * 3

    run(main())


def test_results_stream() -> None:
    """A result is published when it is there, while others are still being asked."""

    async def main() -> None:
        hosts = Hosts()
        hosts.takes = {"slow": 5.0}
        async with running(prober(hosts, ["slow", "fast"])) as one:
            async for fleet in one.fleet.follow():
                if fleet.entries["fast"].report:
                    break
            assert fleet.entries["slow"].probing
            assert not fleet.entries["fast"].probing
            assert fleet.sweeping
            assert fleet.next_at is None

    run(main())


def test_a_host_that_hangs() -> None:
    """It is cut at its time limit and delays nobody; it comes last from then on."""

    async def main() -> None:
        hosts = Hosts()
        hosts.takes = {"hangs": 10_000.0}
        one = prober(hosts, ["hangs", *map(str, range(6))], replace(POLLING, max_parallel=2))
        async with running(one):
            fleet = await swept(one)
            assert [hosts.times(str(n)) for n in range(6)] == [
                [0.0],
                [1.0],
                [2.0],
                [3.0],
                [4.0],
                [5.0],
            ]
            found = fleet.entries["hangs"].report
            assert found is not None
            assert found.state is HostState.ERROR
            assert found.reason == "no answer within 10 s"
            assert 10 <= found.took <= 12
            assert clock() - EPOCH <= 12
            await asyncio.sleep(30)
        second = [alias for at, alias in hosts.trace if 12 < at < 59]
        assert second[-1] == "hangs"
        assert sorted(second[:-1]) == list("012345")

    run(main())


def test_sweeps_begin_an_interval_apart() -> None:
    """The interval is from question to question, with the jitter's share; it is shown."""

    async def main() -> None:
        hosts = Hosts()
        async with running(prober(hosts, ["a", "b"], replace(POLLING, jitter=4.0))) as one:
            fleet = await swept(one)
            assert fleet.next_at == EPOCH + 32
            await asyncio.sleep(100)
        assert hosts.times("a") == hosts.times("b") == [0.0, 32.0, 64.0, 96.0]

    run(main())


def test_hosts_that_fail_are_asked_less() -> None:
    """Pauses double while others go on; a success makes them short again."""

    async def main() -> None:
        hosts = Hosts(bad=HostState.UNREACHABLE)
        async with running(prober(hosts, ["good", "bad"])) as one:
            await asyncio.sleep(500)
            assert hosts.times("bad") == [0.0, 30.0, 90.0, 210.0, 450.0]
            assert len(hosts.times("good")) == 17
            assert one.fleet.value.entries["bad"].failures == 5
            hosts.states["bad"] = HostState.ONLINE
            one.refresh(["bad"])
            await asyncio.sleep(60)
            assert one.fleet.value.entries["bad"].failures == 0
            assert len(hosts.times("bad")) >= 7

    run(main())


def test_the_last_good_result_stays() -> None:
    """A failure is shown beside what was seen before it."""

    async def main() -> None:
        hosts = Hosts()
        async with running(prober(hosts, ["a"])) as one:
            good = (await swept(one)).entries["a"].report
            hosts.states["a"] = HostState.UNREACHABLE
            one.refresh()
            await asyncio.sleep(5)
            entry = one.fleet.value.entries["a"]
        assert entry.good is good
        assert entry.report is not good
        assert entry.stale

    run(main())


def test_an_ask_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """It is that host's error, in the log, and the end of nothing."""

    async def main() -> None:
        async def ask(host: HostSpec) -> Report:
            if host.alias == "bad":
                raise KeyError(host.alias)
            return Report(HostState.ONLINE, clock())

        fleet = Fleet().of(specs(["bad", "good"]))
        one = Prober(ask, POLLING, fleet=fleet, clock=clock, draw=lambda: 0.0)
        async with running(one):
            fleet = await swept(one)
        report = fleet.entries["bad"].report
        assert report is not None
        assert (report.state, report.reason) == ("error", "ocr failed: KeyError (its log has more)")
        assert fleet.entries["good"].good

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "not asked host=bad" in caplog.text


def test_refresh_while_asked() -> None:
    """Asked for three times during a question, a host gets one more, after it."""

    async def main() -> None:
        hosts = Hosts()
        hosts.takes = {"a": 2.0}
        async with running(prober(hosts, ["a", "b"])) as one:
            await asyncio.sleep(1.5)
            for _ in range(3):
                one.refresh(["a"])
            await asyncio.sleep(20)
        assert hosts.times("a") == [0.0, 2.0]
        assert hosts.times("b") == [0.0]

    run(main())


def test_refresh_goes_first() -> None:
    """Who is asked for comes before those that wait, back-off or not; strangers are nobody."""

    async def main() -> None:
        hosts = Hosts(z=HostState.AUTH_REQUIRED)
        polling = replace(POLLING, max_parallel=1)
        async with running(prober(hosts, "abcz", polling)) as one:
            await asyncio.sleep(20)
            one.refresh()
            await asyncio.sleep(0.5)
            one.refresh(["c", "stranger"])
            await asyncio.sleep(5)
        assert [alias for at, alias in hosts.trace if at >= 20] == ["a", "c", "b", "z"]

    run(main())


def test_a_refresh_needs_no_sweep_to_end() -> None:
    """While one host hangs, another that is asked for is asked at once."""

    async def main() -> None:
        hosts = Hosts()
        hosts.takes = {"hangs": 10_000.0}
        async with running(prober(hosts, ["hangs", "a"])) as one:
            await asyncio.sleep(3)
            one.refresh(["a"])
            await asyncio.sleep(3)
        assert hosts.times("a") == [0.0, 3.0]

    run(main())


def test_hosts_change() -> None:
    """New hosts are asked at once, those that are gone no more, not even one that is running."""

    async def main() -> None:
        hosts = Hosts()
        hosts.takes = {"old": 5.0}
        async with running(prober(hosts, ["old", "stays"])) as one:
            await asyncio.sleep(2)
            one.set_hosts(specs(["new", "stays"]), ("config: line 3",))
            await asyncio.sleep(20)
            fleet = one.fleet.value
            assert tuple(fleet.entries) == ("new", "stays")
            assert fleet.problems == ("config: line 3",)
            assert hosts.times("new") == [2.0]
            assert hosts.times("stays") == [0.0]
            changed = HostSpec("stays", label="other", opencode_path="/opt/opencode")
            one.set_hosts((HostSpec("new", label="shown otherwise"), changed))
            await asyncio.sleep(5)
        assert hosts.times("new") == [2.0]
        assert hosts.times("stays") == [0.0, 22.0]
        assert one.fleet.value.entries["new"].host.label == "shown otherwise"

    run(main())


def test_a_host_goes_before_its_turn() -> None:
    """Who is no host any more when its turn comes is not asked, and holds nobody up."""

    async def main() -> None:
        hosts = Hosts()
        async with running(prober(hosts, "abcd", replace(POLLING, max_parallel=1))) as one:
            await asyncio.sleep(0.5)
            one.set_hosts(specs("ad"))
            await asyncio.sleep(20)
        assert [alias for _, alias in hosts.trace] == ["a", "d"]

    run(main())


def test_another_meaning() -> None:
    """An alias that ssh reads otherwise than before is asked again; a first reading asks nobody."""

    async def main() -> None:
        hosts = Hosts()
        first = Resolved("a", "192.0.2.1", "me", 22)
        async with running(prober(hosts, ["a", "b"])) as one:
            await asyncio.sleep(5)
            one.set_resolved({"a": first})
            await asyncio.sleep(5)
            assert one.fleet.value.entries["a"].resolved is first
            one.set_resolved({"a": replace(first, port=2222)})
            await asyncio.sleep(5)
        assert hosts.times("a") == [0.0, 10.0]
        assert hosts.times("b") == [0.0]

    run(main())


def test_polling_changes() -> None:
    """Another interval, limit or number of slots holds from then on."""

    async def main() -> None:
        hosts = Hosts()
        async with running(prober(hosts, "abcd")) as one:
            await asyncio.sleep(5)
            one.set_polling(replace(POLLING, interval=100.0, max_parallel=1, timeout=0.5))
            hosts.takes = {"a": 3.0}
            await asyncio.sleep(60)
            entry = one.fleet.value.entries["a"]
        assert [at for at, _ in hosts.trace[4:]] == [30.0, 31.5, 32.5, 33.5]
        assert entry.failures == 1
        assert entry.next_at == EPOCH + 130

    run(main())


def test_hosts_behind_a_jump_host() -> None:
    """When a jump host is back, those that it blocked are asked at once."""

    async def main() -> None:
        blocked = True
        asked: list[tuple[float, str]] = []

        async def ask(host: HostSpec) -> Report:
            asked.append((clock() - EPOCH, host.alias))
            if not blocked:
                return Report(HostState.ONLINE, clock())
            if host.alias == "jump":
                return Report(HostState.UNREACHABLE, clock())
            return Report(HostState.BLOCKED, clock(), blocked_by="jump")

        fleet = Fleet().of(specs(["jump", "inner"]))
        one = Prober(ask, POLLING, fleet=fleet, clock=clock, draw=lambda: 0.0)
        async with running(one):
            await asyncio.sleep(500)
            blocked = False
            asked.clear()
            one.refresh(["jump"])
            await asyncio.sleep(1)
        assert asked == [(500.0, "jump"), (500.0, "inner")]

    run(main())


def test_a_machine_that_slept() -> None:
    """What was due while timers stood still is asked within moments."""

    async def main() -> None:
        hosts, slept = Hosts(), 0.0
        fleet = Fleet().of(specs(["a"]))
        polling = replace(POLLING, interval=300.0)
        one = Prober(hosts.ask, polling, fleet=fleet, clock=lambda: clock() + slept, draw=float)
        async with running(one):
            await asyncio.sleep(5)
            slept = 3600.0
            await asyncio.sleep(15)
        assert len(hosts.times("a")) == 2

    run(main())


def test_what_is_fresh_is_not_asked() -> None:
    """A host that has a time is asked at that time, and no sooner."""

    async def main() -> None:
        hosts = Hosts()
        report = Report(HostState.ONLINE, EPOCH - 20)
        entry = Entry(HostSpec("a"), report=report, good=report, next_at=EPOCH + 40, cached=True)
        one = Prober(hosts.ask, POLLING, fleet=Fleet({"a": entry}), clock=clock, draw=float)
        async with running(one):
            await asyncio.sleep(1)
            assert one.fleet.value.next_at == EPOCH + 40
            await asyncio.sleep(60)
        assert hosts.times("a") == [40.0]
        assert not one.fleet.value.entries["a"].cached

    run(main())


def test_once() -> None:
    """One sweep asks all, fresh or not, and ends."""

    async def main() -> None:
        hosts = Hosts(bad=HostState.UNREACHABLE)
        hosts.takes = {"slow": 3.0}
        one = prober(hosts, ["slow", "a", "bad"])
        fleet = await one.once()
        assert clock() - EPOCH == 3.0
        assert all(entry.report for entry in fleet.entries.values())
        assert not fleet.sweeping
        assert (await one.once()) is one.fleet.value
        assert len(hosts.trace) == 6

    run(main())


def test_once_without_hosts() -> None:
    """Nobody to ask: it ends at once."""
    assert run(_none()).entries == {}


async def _none() -> Fleet:
    return await prober(Hosts(), []).once()


def test_other_hosts_of_the_same_names() -> None:
    """After a restart nothing is known, what a host of before still answers is no answer."""

    async def main() -> None:
        hosts = Hosts()
        one = prober(hosts, ["a", "b"])
        hosts.takes["a"] = 3.0
        async with running(one):
            await asyncio.sleep(2)
            one.restart(Fleet().of(specs(["a"])))
            assert one.fleet.value.entries["a"].report is None
            await asyncio.sleep(2)
            assert one.fleet.value.entries["a"].report is None
            fleet = await swept(one)
        assert [*fleet.entries] == ["a"]
        assert hosts.times("a") == [0.0, 3.0]
        assert fleet.entries["a"].report

    run(main())
