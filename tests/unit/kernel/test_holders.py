"""Who has a port."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from opencoderouter.kernel.holders import Holder, holders

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="recorded on little-endian")

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
LINE = "  {0}: {1}:{2:04X} 00000000:0000 {3} 00000000:00000000 00:00000000 00000000 {4} 0 {5} 2\n"
LINE6 = LINE.replace("00000000:0000 {3}", f"{'0' * 32}:0000 {{3}}")
HERE, ANY, ANY6 = "0100007F", "0" * 8, "0" * 32
LOOSE, LISTEN, CONNECTED = "07", "0A", "01"


def files(proc: Path, name: str, *lines: str) -> None:
    """Have the kernel say this."""
    (proc / "net").mkdir(exist_ok=True)
    (proc / "net" / name).write_text(HEAD + "".join(lines))


def process(proc: Path, pid: int, name: str, *inodes: int) -> None:
    """Have a process with sockets."""
    folder = proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) S 1 " + "0 " * 40)
    for inode in inodes:
        (folder / str(inode)).symlink_to(f"socket:[{inode}]")


def test_tables(tmp_path: Path) -> None:
    """All four tables count, but of TCP only who listens; other ports and broken lines do not."""
    files(tmp_path, "udp", LINE.format(0, ANY, 53, LOOSE, 101, 900), "nonsense\n")
    files(tmp_path, "udp6", LINE6.format(0, ANY6, 53, LOOSE, 102, 901))
    listening = LINE.format(0, HERE, 53, LISTEN, 103, 902)
    connected = LINE.format(1, HERE, 53, CONNECTED, 103, 903)
    files(tmp_path, "tcp", listening, connected, LINE.format(2, HERE, 54, LISTEN, 104, 904))
    process(tmp_path, 42, "dnsmasq", 900, 902, 903, 904)
    found = holders(53, proc=tmp_path)
    assert found == [
        Holder("UDP", 101, 42, "dnsmasq"),
        Holder("UDP", 102),
        Holder("TCP", 103, 42, "dnsmasq"),
    ]
    assert [str(one) for one in found[:2]] == ["dnsmasq (pid 42)", "a process of uid 102"]


def test_address(tmp_path: Path) -> None:
    """At an address are those who are bound to it, or to every address."""
    files(
        tmp_path,
        "udp",
        LINE.format(0, HERE, 53, LOOSE, 1, 900),
        LINE.format(1, "3500007F", 53, LOOSE, 2, 901),
        LINE.format(2, ANY, 53, LOOSE, 3, 902),
    )
    files(tmp_path, "udp6", LINE6.format(0, ANY6, 53, LOOSE, 4, 903))
    assert [one.uid for one in holders(53, address="127.0.0.1", proc=tmp_path)] == [1, 3, 4]
    assert [one.uid for one in holders(53, address="::1", proc=tmp_path)] == [3, 4]


def test_name_is_printable(tmp_path: Path) -> None:
    """A name that would move the cursor is shown with escapes."""
    files(tmp_path, "udp", LINE.format(0, HERE, 53, LOOSE, 0, 4711))
    process(tmp_path, 12, "\x1b[2J", 4711)
    assert [str(one) for one in holders(53, proc=tmp_path)] == ["\\x1b[2J (pid 12)"]


def test_no_proc(tmp_path: Path) -> None:
    """Where nothing is told, nobody is known."""
    assert holders(53, proc=tmp_path) == []
