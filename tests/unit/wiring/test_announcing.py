"""What a router tells of itself, and under which names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import backend

from opencoderouter.core.announcement import PROJECT, ROUTER, Service
from opencoderouter.core.slug import LABEL
from opencoderouter.kernel.addresses import Interface
from opencoderouter.labels import LabelFile
from opencoderouter.proxy.context import Network
from opencoderouter.registry import Registry
from opencoderouter.settings import Settings
from opencoderouter.watch import Watch
from opencoderouter.wiring import announcing, names, resolver
from opencoderouter.wiring.announcing import Announcing, pause
from opencoderouter.wiring.lasting import lasting

HERE = Interface("eth0", 2, ("192.0.2.7", "2001:db8::7"))
MORE = Interface("eth1", 3, ("198.51.100.7",))
Make = Callable[..., Announcing]


class Machine:
    """The interfaces of a machine that has no other use for them."""

    def __init__(self) -> None:
        self.interfaces: tuple[Interface, ...] = (HERE,)
        self.changed = Watch(0)

    def look(self) -> tuple[Interface, ...]:
        """Return those of now."""
        return self.interfaces

    async def changes(self) -> AsyncIterator[None]:
        """Yield when there are others."""
        async for _ in self.changed.follow():
            yield


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine that is called box."""
    made = Machine()
    monkeypatch.setattr(announcing, "interfaces", made.look)
    monkeypatch.setattr(announcing, "changes", made.changes)
    monkeypatch.setattr(announcing, "machine", lambda: "box")
    monkeypatch.setattr(names, "machine", lambda: "box")
    return made


@pytest.fixture
def registry() -> Registry:
    """Return a registry with one project."""
    made = Registry()
    made.observe(backend("/srv/app", 30001))
    return made


@pytest.fixture
def make(machine: Machine, registry: Registry, tmp_path: Path) -> Make:
    """Return what makes one that has no mDNS."""
    assert machine.interfaces

    def of(*bound: str, **settings: Any) -> Announcing:  # noqa: ANN401 - any setting
        given = Settings(username="alice", mdns=False, state_dir=tmp_path, **settings)
        file = LabelFile(tmp_path / "labels.json", "box")
        return Announcing(given, registry, bound or ("0.0.0.0", "::"), file)

    return of


def service(of: Announcing, kind: str) -> Service:
    """Return the only service of a kind that is announced."""
    (found,) = [one for one in of.told.value.services if one.kind == kind]
    return found


def test_addresses_of_the_binding(make: Make) -> None:
    """Only addresses at which the router can be reached are told."""
    assert make().told.value.addresses == ("192.0.2.7", "2001:db8::7")
    assert make("0.0.0.0").told.value.addresses == ("192.0.2.7",)
    loopback = make("127.0.0.1", "::1")
    assert not loopback.told.value.addresses
    assert not loopback.told.value.services


def test_interfaces_that_are_left_out(make: Make, machine: Machine) -> None:
    """Their addresses are not told either."""
    machine.interfaces = (HERE, MORE)
    assert make(mdns_interface="!eth0").told.value.addresses == ("198.51.100.7",)


def test_the_kernel_does_not_say(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is told, and nothing raised."""

    def refuse() -> tuple[Interface, ...]:
        raise OSError

    monkeypatch.setattr(announcing, "interfaces", refuse)
    assert not make().told.value.addresses


def test_how_it_stands(make: Make) -> None:
    """Without mDNS it says why; the addresses are known all the same."""
    stands = make(port=8081).network()
    assert stands == Network(8081, "http", ("192.0.2.7", "2001:db8::7"), "off", "--no-mdns", (), ())
    assert make().peers() == ()


class Dns:
    """A DNS server that fails, in a group, for a reason; without one it runs."""

    places = (("192.0.2.7", 53),)

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    async def run(self) -> None:
        """Fail, or not."""
        if self.reason:
            raise ExceptionGroup("some", [OSError(self.reason)])
        await asyncio.Event().wait()


async def test_a_resolver_that_fails(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it failed is told until another one runs."""
    servers = [Dns("no route"), Dns()]
    monkeypatch.setattr(resolver, "resolver", lambda *_: servers.pop(0))
    monkeypatch.setattr(announcing, "lasting", partial(lasting, first=0.05))
    router = make(dns="192.0.2.7:53")
    seen: list[tuple[str, int]] = []
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(router.run())
        while not seen or seen[-1] != ("", 1) or len(seen) < 2:
            stands = router.network()
            now = (stands.dns_reason, len(stands.dns))
            seen += [] if seen and seen[-1] == now else [now]
            await asyncio.sleep(0)
        task.cancel()
    assert seen == [("", 1), ("no route", 0), ("", 1)]


def test_minimal_by_default(make: Make) -> None:
    """Directories are told where nobody is asked for a password, or on request."""
    assert "path" not in dict(service(make(), PROJECT).txt)
    assert "path" in dict(service(make(auth="off"), PROJECT).txt)
    assert "path" in dict(service(make(mdns_txt="full"), PROJECT).txt)


async def test_follows(make: Make, registry: Registry, machine: Machine) -> None:
    """A new project and a new address are told at once."""
    one = make()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        machine.interfaces = (HERE, MORE)
        machine.changed.set(1)
        registry.observe(backend("/srv/web", 30002))
        async for told in one.told.follow():
            labels = {s.label for s in told.services}
            if "198.51.100.7" in told.addresses and "web-alice" in labels:
                break
        running.cancel()


async def test_another_name(make: Make, registry: Registry, tmp_path: Path) -> None:
    """What lost its name gets the machine's behind it, then numbers, and keeps it."""
    one = make()
    for label in ("app-alice-box", "app-alice-box-2"):
        lost = Service(PROJECT, registry.table.labels.get("app", "app-alice"), 8080, (), "app")
        await one.relabel(lost)
        assert registry.table.labels == {"app": label}
    await one.relabel(service(one, ROUTER))
    kept = {"app": "app-alice-box-2", "ocr": "ocr-alice-box-2"}
    assert registry.table.labels == kept
    assert LabelFile(tmp_path / "labels.json", "box").load() == kept
    assert all(len(label) <= LABEL for label in kept.values())


def test_names_without_end() -> None:
    """Three are tried at once; who contests those, too, sees ever fewer, one an hour in the end."""
    assert [pause(number) for number in range(1, 7)] == [0, 0, 0, 5, 10, 20]
    assert {pause(number) for number in (14, 15, 1000, 1 << 20)} == {3600}
