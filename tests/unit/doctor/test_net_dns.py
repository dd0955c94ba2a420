"""Which DNS servers are asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig.diagnosis import facts

from opencoderouter.doctor.net import Told
from opencoderouter.doctor.net_dns import servers

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
LINE = "   0: 0100007F:1F75 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 5 2\n"


def listening(tmp_path: Path, *names: str) -> None:
    """Have somebody listen on 8053, in these tables."""
    (tmp_path / "proc/net").mkdir(parents=True)
    for name in names:
        state = " 0A " if name == "tcp" else " 07 "
        (tmp_path / "proc/net" / name).write_text(HEAD + LINE.replace(" 07 ", state))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("127.0.0.1:5300",), [("127.0.0.1", 5300)]),
        (("0.0.0.0:53", "[::]:53"), [("127.0.0.1", 53), ("::1", 53)]),
        (("nonsense", "[::1]:53"), [("::1", 53)]),
    ],
)
def test_the_routers_own(tmp_path: Path, said: tuple[str, ...], expected: object) -> None:
    """As it says; one that is bound everywhere is asked at this machine's own address."""
    assert servers(facts(tmp_path, dns=()), Told(dns=said)) == expected


def test_one_that_is_set_but_not_there(tmp_path: Path) -> None:
    """What was set is asked where a router runs; without a router it is not missed."""
    known = facts(tmp_path, dns=(("127.0.0.1", 5300),))
    assert servers(known, Told()) == [("127.0.0.1", 5300)]
    assert servers(known, Told(down=True)) == []


def test_the_sidecar(tmp_path: Path) -> None:
    """It is asked where somebody has its port for both UDP and TCP."""
    listening(tmp_path, "udp", "tcp")
    assert servers(facts(tmp_path, dns=()), Told(down=True)) == [("127.0.0.1", 8053)]


def test_another_program_on_its_port(tmp_path: Path) -> None:
    """Who has the port for TCP only is no DNS server."""
    listening(tmp_path, "tcp")
    assert servers(facts(tmp_path, dns=()), Told()) == []
