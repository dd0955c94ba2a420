"""Other routers of the network: one that is accepted, and somebody who says what he likes."""

from __future__ import annotations

from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement
from opencoderouter.core.peers import Accepted, Heard, Peer, peers

BOB, MALLORY, CAROL = ("192.0.2.7", "2001:db8::7"), ("192.0.2.66",), ("192.0.2.9",)
PINNED = Accepted("ocr-bob-den", BOB, 8080)
NASTY = "<img src=x onerror=alert(1)>\x1b[2J\u202e\x00"


def router(label: str, addresses: tuple[str, ...], **txt: str) -> Heard:
    """Return a router as it is heard."""
    return Heard(ROUTER, label, f"{label}.local", 8080, addresses, tuple(txt.items()))


def project(label: str, addresses: tuple[str, ...], **txt: str) -> Heard:
    """Return a project as it is heard."""
    return Heard(PROJECT, label, f"{label}.local", 8080, addresses, tuple(txt.items()))


HEARD = [
    router("ocr-bob-den", BOB, owner="bob", version="0.1.0"),
    project("shop-bob", BOB, owner="bob", project="shop", path="/home/bob/shop", version="1.18.33"),
    project("app-bob", BOB, owner="bob", project="app"),
    project("wiki-1-bob", BOB, owner="bob", project="wiki"),
    project("wiki-2-bob", BOB, owner="bob", project="wiki"),
    router("ocr-mallory-pc", MALLORY, owner=NASTY, version=NASTY),
    project("bank-mallory", MALLORY, owner=NASTY, project=NASTY, path=NASTY, version=NASTY),
    project("fake-bob", (*BOB, "192.0.2.99"), owner="bob", project="fake"),
    project("old", CAROL, owner="carol", project="old", path="/home/carol/old"),
]


def around() -> tuple[Peer, ...]:
    """Return them as a router sees them that has accepted bob's."""
    return peers(HEARD, Announcement(), (PINNED,))
