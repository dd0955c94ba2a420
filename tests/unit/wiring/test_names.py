"""The names of this machine."""

from __future__ import annotations

import socket

import pytest

from opencoderouter.core.hosts import ROUTER, Own, classify
from opencoderouter.settings import Settings
from opencoderouter.wiring.names import machine, machine_names, place


def test_the_names_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full and short host name and its mDNS name, in lower case."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Box.Example.Test")
    names = machine_names(Settings(username="alice"))
    assert names.machine == {"box.example.test", "box", "box.local"}
    assert names.local("shop") == "shop-alice.local"
    assert (names.domains, names.origins) == (frozenset(), frozenset())


def test_names_that_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of ``allow_host`` are the machine's, too, or domains; ``allow_origin`` may ask."""
    monkeypatch.setattr(socket, "gethostname", lambda: "box")
    given = Settings(
        allow_host=["dev.example", "*.dev.example"], allow_origin=["https://ci.example"]
    )
    names = machine_names(given)
    assert names.machine == {"box", "box.local", "dev.example"}
    assert names.domains == {"dev.example"}
    assert names.origins == {"https://ci.example"}


def test_the_name_on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router is announced by owner and machine, also in the zone of the DNS server."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Big_Box.Example.Test")
    assert machine() == "big-box"
    assert place(Settings(username="alice", port=81)) == "alice@big-box:81"
    names = machine_names(Settings(username="alice", dns_zone="dev.test"))
    assert names.local(ROUTER) == "ocr-alice-big-box.local"
    assert classify("ocr-alice-big-box.dev.test", names) == Own()
