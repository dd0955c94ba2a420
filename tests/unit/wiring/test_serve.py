"""The names of this machine. The process itself is in tests/wire/cli/test_serve.py."""

from __future__ import annotations

import socket

import pytest

from opencoderouter.wiring.serve import machine_names


def test_the_names_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full and short host name and its mDNS name, in lower case."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Box.Example.Test")
    names = machine_names("alice")
    assert names.machine == {"box.example.test", "box", "box.local"}
    assert names.local("shop") == "shop-alice.local"
