"""What is printed at the start."""

from __future__ import annotations

import socket

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Listener, Status
from opencoderouter.core.table import Table
from opencoderouter.registry import Registry
from opencoderouter.settings import Settings
from opencoderouter.wiring import banner


def test_the_first_lines_say_where_everything_is() -> None:
    """Dashboard and API have their addresses; a loopback bind is called what it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        text = banner.opening(Settings(port=8081), [listening])
    assert "http://localhost:8081/\n" in text
    assert "http://localhost:8081/api/backends" in text
    assert "this machine only" in text


def test_an_open_bind_says_what_it_means() -> None:
    """Whoever opens the router to the network reads that it hands out shells."""
    with socket.create_server(("0.0.0.0", 0)) as listening:
        text = banner.opening(Settings(port=8081), [listening])
    assert "EVERYBODY" in text
    assert ":8081/" in text


def test_each_project_has_a_line() -> None:
    """Found and managed projects alike are listed with the address of their own."""
    registry = Registry()
    listener = Listener("127.0.0.1", 30000)
    registry.observe(Backend(listener, Identity("/home/alice/shop", "1"), Status.READY))
    registry.lease("/home/alice/blog")
    managed = {"/home/alice/blog": Managed("/home/alice/blog", Status.STARTING)}
    text = banner.projects(registry.table, managed, 8080)
    assert "http://blog.localhost:8080/  /home/alice/blog" in text
    assert "http://shop.localhost:8080/  /home/alice/shop" in text


def test_without_a_project_it_says_how_to_get_one() -> None:
    """An empty router is no dead end."""
    assert "ocr-router start DIRECTORY" in banner.projects(Table(), {}, 8080)
