"""``/proc/net/tcp{,6}``: lines as a kernel printed them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Listener
from opencoderouter.kernel.proc_net import parse_listeners, read_listeners, read_sockets
from opencoderouter.kernel.tcp import LISTEN, Socket, end

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="recorded on little-endian")

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7530 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 74401 1\
 0000000000000000 100 0 0 10 0
   1: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1681 1\
 0000000000000000 100 0 0 10 0
   2: 0100007F:7530 0100007F:A2C8 01 00000000:00000000 00:00000000 00000000  1000        0 74405 1\
 0000000000000000 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:7531 00000000000000000000000000000000:0000 0A\
 00000000:00000000 00:00000000 00000000  1000        0 74402 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\
 00000000:00000000 00:00000000 00000000     0        0 1690 1 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:7532 00000000000000000000000000000000:0000 0A\
 00000000:00000000 00:00000000 00000000  1000        0 74403 1 0000000000000000 100 0 0 10 0
"""
HERE = frozenset({Listener("127.0.0.1", 30000, 1000, 74401), Listener("0.0.0.0", 2024, 0, 1681)})
HERE6 = frozenset(
    {
        Listener("::1", 30001, 1000, 74402),
        Listener("::", 22, 0, 1690),
        Listener("::ffff:127.0.0.1", 30002, 1000, 74403),
    }
)


def test_parse() -> None:
    """Only what listens counts, with address, port, owner and inode."""
    assert parse_listeners(TCP) == HERE
    assert parse_listeners(TCP6) == HERE6


def test_read(tmp_path: Path) -> None:
    """Both families are read; a kernel without IPv6 has no file for it."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TCP)
    assert read_listeners(tmp_path) == HERE
    (tmp_path / "net/tcp6").write_text(TCP6)
    assert read_listeners(tmp_path) == HERE | HERE6


def test_sockets(tmp_path: Path) -> None:
    """Of all sockets both ends are read; IPv4 in the dress of IPv6 is IPv4."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TCP)
    (tmp_path / "net/tcp6").write_text(TCP6)
    found = {one.inode: one for one in read_sockets(tmp_path)}
    assert sorted(found) == [1681, 1690, 74401, 74402, 74403, 74405]
    ends = end("127.0.0.1", 30000), end("127.0.0.1", 41672)
    assert found[74405] == Socket(1, *ends, uid=1000, inode=74405)
    assert found[74402] == Socket(LISTEN, end("::1", 30001), end("::", 0), 1000, 74402)
    assert found[74403].source == end("127.0.0.1", 30002)


def test_unreadable(tmp_path: Path) -> None:
    """Without the files nothing is known, which is not the same as nothing being there."""
    with pytest.raises(FileNotFoundError):
        read_listeners(tmp_path)
    with pytest.raises(FileNotFoundError):
        list(read_sockets(tmp_path))


@given(st.text() | st.lists(st.sampled_from([*TCP.split(" "), "\n"])).map(" ".join))
def test_never_raises(text: str) -> None:
    """Lines of another form are skipped."""
    parse_listeners(text)


@given(st.lists(st.sampled_from((TCP + TCP6).splitlines())), st.integers(0, 300))
def test_cut(lines: list[str], at: int) -> None:
    """A file that is cut short makes no listener that is not there."""
    text = "\n".join(lines)
    whole = {(item.address, item.uid) for item in HERE | HERE6}
    assert {(item.address, item.uid) for item in parse_listeners(text[:at])} <= whole
