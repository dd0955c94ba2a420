"""What a machine uses to look up names, as its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.announce.client.machine import look

DEBIAN = "hosts: files mdns4_minimal [NOTFOUND=return] dns  # as installed\n"
PLAIN = "passwd: files\nhosts: files dns\n"
ELSEWHERE = "nameserver 192.0.2.53\n"


@pytest.mark.parametrize(
    ("files", "systems"),
    [
        ({}, ()),
        ({"etc/resolv.conf": ELSEWHERE, "etc/nsswitch.conf": PLAIN}, ()),
        ({"etc/resolv.conf": "nameserver 127.0.0.53\noptions edns0\n"}, ("resolved",)),
        ({"etc/nsswitch.conf": "hosts: files resolve [!UNAVAIL=return] dns\n"}, ("resolved",)),
        ({"etc/nsswitch.conf": "# hosts: resolve\nhosts: files dns # resolve\n"}, ()),
        ({"run/NetworkManager/x": "", "etc/resolv.conf": ELSEWHERE}, ("networkmanager",)),
        ({"run/NetworkManager/x": "", "etc/resolv.conf": "nameserver 127.0.0.53"}, ("resolved",)),
        ({"etc/dnsmasq.d/x": "", "etc/resolv.conf": "nameserver ::1\n"}, ("dnsmasq",)),
        ({"etc/dnsmasq.d/x": "", "etc/resolv.conf": ELSEWHERE}, ()),
        ({"etc/nsswitch.conf": DEBIAN}, ("nss-mdns",)),
        ({"etc/nsswitch.conf": "hosts: files mdns4_minimal dns\n"}, ()),
        ({".dockerenv": ""}, ("container",)),
        ({"run/.containerenv": ""}, ("container",)),
        ({"proc/sys/kernel/osrelease": "6.6.87.2-Microsoft-standard-WSL2\n"}, ("wsl",)),
        (
            {"etc/nsswitch.conf": DEBIAN, "etc/resolv.conf": "nameserver 127.0.0.53\n"},
            ("resolved", "nss-mdns"),
        ),
    ],
)
def test_linux(tmp_path: Path, files: dict[str, str], systems: tuple[str, ...]) -> None:
    """What answers programs comes first, then what stands before it; the unknown is nothing."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert look(tmp_path, "linux").systems == systems


def test_macos(tmp_path: Path) -> None:
    """There is but one way."""
    assert look(tmp_path, "darwin").systems == ("macos",)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It says nothing."""
    (tmp_path / "etc/resolv.conf").mkdir(parents=True)
    assert look(tmp_path, "linux").systems == ()
