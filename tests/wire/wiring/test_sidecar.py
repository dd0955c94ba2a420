"""The sidecar as a process beside a router: it follows it, waits for it, and ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dnslib
import pytest
from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, router
from tests.rig.wait import until
from tests.wire.cli.conftest import environment

__all__ = ["environment"]


@contextmanager
def sidecar(
    asked: int, environment: Mapping[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run it for the router on a port; yield the process and its port when it listens."""
    port = free_port()
    flags = ["--no-mdns", "--port", str(asked), "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "dns", *flags], env=environment, stdout=output, stderr=output
        )
    try:
        until(lambda: b"dns listening" in log.read_bytes(), what=log.read_text)
        said = f"`ocr-router dns setup --server 127.0.0.1:{port}`"
        assert f"DNS at 127.0.0.1:{port}. How clients come to ask it: {said}" in log.read_text()
        yield process, port
    finally:
        process.kill()
        process.wait()


def ask(port: int, name: str, kind: str = "A") -> tuple[int, list[str]]:
    """Return the code and the data of what it answers."""
    question = dnslib.DNSRecord.question(name, kind)
    answer = dnslib.DNSRecord.parse(question.send("127.0.0.1", port, timeout=10))
    return answer.header.rcode, [str(record.rdata) for record in answer.rr]


def test_a_router_is_followed(environment: dict[str, str], tmp_path: Path) -> None:
    """What the router tells is answered, with all its addresses, and without paths."""
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    project = tmp_path / "shop"
    project.mkdir()
    everywhere = {"--hostname": "0.0.0.0"}
    with router([project], environment=environment, log=tmp_path / "l", flags=everywhere) as up:
        log = tmp_path / "dns.log"
        with sidecar(up.port, environment, log) as (process, port):
            until(lambda: ask(port, "shop-rig.local")[1], what=log.read_text)
            answers = [*ask(port, "shop-rig.local")[1], *ask(port, "shop-rig.local", "AAAA")[1]]
            assert answers == http.get(f"{up.url}/api/health")["addresses"]
            (service,) = ask(port, "shop-rig._opencode._tcp.local", "SRV")[1]
            assert service == f"0 0 {up.port} shop-rig.local."
            (text,) = ask(port, "shop-rig._opencode._tcp.local", "TXT")[1]
            assert text.startswith('"project=shop","owner=rig","version=')
            assert str(tmp_path) not in text
            process.terminate()
            assert process.wait(30) == 0
    assert "stopped asked=" in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_router(environment: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    """It says so once, denies what nobody has, and a signal ends it well."""
    log = tmp_path / "dns.log"
    with sidecar(free_port(), environment, log) as (process, port):
        for _ in range(3):
            assert ask(port, "shop-rig.local") == (dnslib.RCODE.NXDOMAIN, [])
        until(lambda: "no router to follow" in log.read_text())
        process.send_signal(number)
        assert process.wait(30) == 0
    assert log.read_text().count("no router to follow") == 1
