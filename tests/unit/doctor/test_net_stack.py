"""Who has UDP port 5353, and what avahi is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.doctor.net_stack import Holder, holders, refuses_others

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
LINE = (
    "  {0}: 00000000:{1:04X} 00000000:0000 07 00000000:00000000 00:00000000 00000000 {2} 0 {3} 2\n"
)


def test_holders(tmp_path: Path) -> None:
    """Sockets of the port are found in both tables, with the process where it can be read."""
    net, fds = tmp_path / "net", tmp_path / "42/fd"
    net.mkdir()
    fds.mkdir(parents=True)
    (net / "udp").write_text(HEAD + LINE.format(0, 5353, 101, 900) + LINE.format(1, 53, 0, 901))
    (net / "udp6").write_text(HEAD + LINE.format(0, 5353, 102, 902) + "nonsense\n")
    (fds / "3").symlink_to("socket:[900]")
    (tmp_path / "42/stat").write_text("42 (avahi-daemon) S 1 " + "0 " * 40)
    found = holders(tmp_path)
    assert found == [Holder(101, 42, "avahi-daemon"), Holder(102, None, "")]
    assert [str(one) for one in found] == ["avahi-daemon (pid 42)", "a process of uid 102"]


def test_no_proc(tmp_path: Path) -> None:
    """Where nothing is told, nobody is known."""
    assert holders(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("[server]\ndisallow-other-stacks=yes\n", True),
        ("[server]\ndisallow-other-stacks=no\n", False),
        ("[server]\n#disallow-other-stacks=yes\n", False),
        ("[server]\ndisallow-other-stacks=what\n", False),
        ("disallow-other-stacks=yes\n", False),
        ("[server]\nhost-name=a%b\n", False),
        ("", False),
    ],
)
def test_avahi(tmp_path: Path, text: str, refuses: bool) -> None:  # noqa: FBT001 - a column
    """Its configuration is read as it reads it; one that cannot be read says nothing."""
    (tmp_path / "avahi").mkdir()
    (tmp_path / "avahi/avahi-daemon.conf").write_text(text)
    assert refuses_others(tmp_path) == refuses
