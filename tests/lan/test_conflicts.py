"""Two machines, one owner, one project: each gets a name, and keeps it."""

from __future__ import annotations

import json
from contextlib import ExitStack

from tests.rig.avahi import avahi, browse, published
from tests.rig.lan import Host
from tests.rig.station import OWNER, PORT, SIGN_ON, Station, starting, station
from tests.rig.tape import taping
from tests.rig.wait import until

SLUG = "myproject"
PLAIN = f"{SLUG}-{OWNER}.local"


def beside(host: Host) -> str:
    """Return the name of a project that another machine has, too."""
    return f"{SLUG}-{OWNER}-{host.name}.local"


def test_the_second_gets_another_name(one: Host, two: Host, visitor: Host) -> None:
    """Who comes second is called by its machine, everywhere; who was first notices nothing.

    The second keeps that name, also when it starts again and the first is no more.
    """
    with station(one, SLUG) as first:
        first.announced(SLUG)
        with station(two, SLUG) as second:
            until(lambda: second.domain(SLUG) == beside(two), what=second.process.log.read_text)
            second.announced(SLUG)
            assert first.domain(SLUG) == PLAIN
            for name, router in ((PLAIN, first), (beside(two), second)):
                _leads_to(visitor, name, router)
            assert not second.told(PLAIN)
            seen = {(item.host, item.address) for item in browse(visitor, "_opencode._tcp")}
            both = {(PLAIN, one.address), (beside(two), two.address)}
            assert {pair for pair in seen if ":" not in pair[1]} == both
    with station(two, SLUG) as again:
        assert again.domain(SLUG) == beside(two)
        again.announced(SLUG)
        _leads_to(visitor, beside(two), again)


def test_both_at_the_same_time(one: Host, two: Host, visitor: Host) -> None:
    """Of two routers that start at once exactly one has the plain name, the other another one."""
    routers = [
        (host, [host.folder / "home" / "twin"]) for host in (one, two)
    ]  # as far as they know, nobody has been there before
    with ExitStack() as stack:
        started = [stack.enter_context(starting(host, folders)) for host, folders in routers]
        for router, (_, folders) in zip(started, routers, strict=True):
            until(router.answers)
            router.ready(folders[0])

        def settled() -> bool:
            names = {router.domain("twin") for router in started}
            return len(names) == 2 and f"twin-{OWNER}.local" in names

        until(settled, what=lambda: [router.process.log.read_text() for router in started])
        for router in started:
            router.announced("twin")
        for router in started:
            _leads_to(visitor, router.domain("twin"), router)


def test_a_host_name_alone_is_a_conflict(one: Host, two: Host, visitor: Host) -> None:
    """A machine that is called as a project would be keeps its name, though it has no service."""
    name = f"taken-{OWNER}.local"
    with avahi(two), published(two, name, two.address), station(one, "taken") as router:
        expected = f"taken-{OWNER}-one.local"
        until(lambda: router.domain("taken") == expected, what=router.process.log.read_text)
        router.announced("taken")
        _leads_to(visitor, expected, router)
        assert visitor.getent("hosts", name) == {two.address}


def test_a_name_that_is_taken_later(one: Host, two: Host, visitor: Host) -> None:
    """Somebody who does not ask takes a name that is in use: one of both has it in the end."""
    with station(one, "late") as router, taping(visitor) as tape:
        router.announced("late")
        name = f"late-{OWNER}.local"
        with avahi(two), two.popen("avahi-publish", "-a", "-R", name, two.address) as other:

            def settled() -> bool:
                lost = router.domain("late") != name
                return lost or "collision" in other.log.read_text()

            until(settled, what=lambda: (tape.process.log.read_text(), other.log.read_text()))
            router.announced("late")
            _leads_to(visitor, router.domain("late"), router)


def _leads_to(visitor: Host, name: str, router: Station) -> None:
    """Assert that a name leads to this router's project, and to no other machine's."""
    assert visitor.getent("hosts", name) == {router.host.address}
    told = json.loads(visitor.curl(f"http://{name}:{PORT}/path", *SIGN_ON))
    assert str(router.host.folder) in told["directory"]
