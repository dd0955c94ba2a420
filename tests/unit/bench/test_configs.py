"""The configurations of the other proxies: one job for all."""

from __future__ import annotations

import json

import pytest
from bench import configs
from bench.answers import NAME, block

ALL = {
    "nginx": configs.nginx(1111, 2222, root=True),
    "haproxy": configs.haproxy(1111, 2222),
    "caddy": configs.caddy(1111, 2222),
    "envoy": json.dumps(configs.envoy(1111, 2222)),
}


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_each_leads_the_one_name_from_its_port_to_the_backend(text: str) -> None:
    """Whoever leads every name does less work."""
    assert all(part in text for part in (NAME, "1111", "2222"))


def test_nginx_buffers_nothing_and_keeps_connections() -> None:
    """As its target says."""
    text = ALL["nginx"]
    assert "proxy_buffering off" in text
    assert "keepalive 64" in text
    assert text.startswith("user root;")
    assert "user root" not in configs.nginx(1, 2, root=False)


def test_the_expected_block_is_the_one_of_the_backend() -> None:
    """The formula of epoll.Block, where rows and cycle wrap."""
    data = block(40_000)
    assert len(data) == 40_000
    assert all(data[i] == 33 + (i + i // 8191) % 89 for i in range(0, 40_000, 7))
