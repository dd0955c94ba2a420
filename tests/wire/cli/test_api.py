"""Calls to a router: what it is shown, whom that is kept from, and what is said of refusals."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.rig.stranger import UID, heard, needs_stranger, stranger

from opencoderouter.cli.api import (
    NoRouter,
    Router,
    call,
    leads_to,
    must_be_proven,
    own_router,
    router_at,
    takes,
    uid_of,
)
from opencoderouter.cli.failure import Failure
from opencoderouter.settings import Settings
from opencoderouter.wiring import banner

LISTEN = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Answer(BaseHTTPRequestHandler):
    """Answers by path, ``/STATUS/BODY``, and keeps what it was shown; 302 leads to ``BODY``."""

    shown: list[str | None]

    def do_GET(self) -> None:
        """Answer."""
        self.shown.append(self.headers["Authorization"])
        _, status, body = self.path.split("/", 2)
        self.send_response(int(status))
        if status == "302":
            self.send_header("Location", body)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[tuple[HTTPServer, list[str | None]]]:
    """Run a server, and tell what it is shown."""

    class Own(Answer):
        shown: list[str | None] = []  # noqa: RUF012 - of this server

    with HTTPServer(("127.0.0.1", 0), Own) as http:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key"))
            http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield http, Own.shown
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Router]:
    """Return the address of a server that is no router."""
    with serving() as (http, _):
        yield Router(f"http://127.0.0.1:{http.server_port}")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return settings with a state directory of their own; no token is set."""
    monkeypatch.delenv("OCR_TOKEN", raising=False)
    return Settings(state_dir=tmp_path / "state")


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate for ``name``, with its key in the file ``key`` beside it."""
    folder.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    files = ["-nodes", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*command, *files, "-subj", f"/CN={name}"], check=True, capture_output=True)
    return folder / "cert"


@pytest.mark.parametrize("path", ["/200/hello", "/404/nothing", "/500/[]", "/404/{}"])
def test_another_server_is_no_router(server: Router, path: str) -> None:
    """Whatever it answers, it is told that it is not a router."""
    with pytest.raises(NoRouter, match="what answers there is not a router"):
        call(server, path)


def test_a_refusal_is_told_in_its_own_words(server: Router) -> None:
    """Detail and hint of the API's error are what the user reads."""
    with pytest.raises(Failure, match=r"^Gone\. Look\.$"):
        call(server, '/409/{"detail":"Gone.","hint":"Look."}')


def test_https_of_the_own_router(server: Router) -> None:
    """Who gives no URL cannot ask by another one: the option that helps is named."""
    said = '/400/{"detail":"HTTPS.","hint":"Else."}'
    with pytest.raises(Failure, match=r"^HTTPS\. Else\.$"):
        call(server, said)
    with pytest.raises(Failure, match=r"^HTTPS\. Give --tls-cert FILE"):
        call(replace(server, here=True), said)


def test_who_is_not_known_is_told_the_way(server: Router) -> None:
    """An agent's tool is not let in for being ours: it needs a token, and where to put it."""
    with pytest.raises(Failure, match=r"asks who you are; put a token .* into OCR_TOKEN") as caught:
        call(server, "/401/{}")
    assert not isinstance(caught.value, NoRouter)
    with pytest.raises(Failure, match="does not take this password or token") as caught:
        call(replace(server, secret="secretive"), "/401/{}")
    assert "secretive" not in f"{caught.value} {replace(server, secret='secretive')!r}"


def test_what_our_own_router_is_shown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing where our user is free, else the password; a token that is set comes first."""
    with serving() as (http, shown):
        settings.port = http.server_port
        call(own_router(settings), "/200/1")
        settings.auth = "always"
        call(own_router(settings), "/200/1")
        monkeypatch.setenv("OCR_TOKEN", "ocrt_x")
        call(own_router(settings), "/200/1")
        call(router_at(f"http://127.0.0.1:{http.server_port}/"), "/200/1")
        monkeypatch.setenv("OCR_TOKEN", "")
        call(router_at(f"http://127.0.0.1:{http.server_port}/"), "/200/1")
    password = settings.sources.secrets.read().password
    assert shown == [None, f"Bearer {password}", "Bearer ocrt_x", "Bearer ocrt_x", None]


@pytest.mark.parametrize(
    ("said", "taken"), [('{"healthy":true}', 0), ('{"healthy":true,"version":"1"}', 1)]
)
def test_whether_a_secret_is_taken(said: str, taken: int) -> None:
    """Health tells more to who is let in; it is asked so that being its user does not count."""

    class Health(Answer):
        shown: list[str | None] = []  # noqa: RUF012 - of this server

        def do_GET(self) -> None:
            """Answer what is said, to anything."""
            self.shown += [self.path, self.headers["Authorization"], self.headers["Via"]]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.encode())

    with HTTPServer(("127.0.0.1", 0), Health) as http:
        thread = threading.Thread(target=http.handle_request)
        thread.start()
        assert takes(Router(f"http://127.0.0.1:{http.server_port}"), "sesame") == bool(taken)
        thread.join()
    assert Health.shown == ["/api/health", "Bearer sesame", "1.1 ocr-router"]


def test_a_secret_follows_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked but who was meant, be it on another port of this machine."""
    monkeypatch.setenv("OCR_TOKEN", "ocrt_x")
    with serving() as (one, first), serving() as (two, second):
        target = f"http://127.0.0.1:{two.server_port}/200/1"
        with pytest.raises(NoRouter, match="status 302"):
            call(router_at(f"http://127.0.0.1:{one.server_port}"), f"/302/{target}")
    assert (first, second) == (["Bearer ocrt_x"], [])


@needs_stranger
def test_another_users_port_is_shown_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for our router; asked on purpose, it does not get our secret."""
    monkeypatch.setenv("OCR_TOKEN", "ocrt_x")
    settings.auth = "always"
    with stranger(UID, LISTEN) as other:
        settings.port = int(heard(other))
        with pytest.raises(Failure, match="another user listens there"):
            own_router(settings)
        for host in ("127.0.0.1", "localhost", "x.localhost", "[::1]"):
            assert router_at(f"http://{host}:{settings.port}").secret is None
        assert router_at(f"http://192.0.2.1:{settings.port}").secret == "ocrt_x"
        known = router_at(f"http://127.0.0.1:{settings.port}", uid_of(str(UID)))
        assert (known.secret, must_be_proven(known)) == ("ocrt_x", True)
        assert leads_to(UID, "127.0.0.1", settings.port)
        assert not leads_to(os.getuid(), "127.0.0.1", settings.port)
    with serving() as (http, shown), pytest.raises(NoRouter, match="another user listens"):
        call(replace(known, base=f"http://127.0.0.1:{http.server_port}"), "/200/1")
    assert shown == []


def test_https_trusts_one_certificate(settings: Settings, tmp_path: Path) -> None:
    """Its file is what makes it ours, not the name in it; another one with that name is not."""
    ours, other = certificate(tmp_path / "a", "box"), certificate(tmp_path / "b", "box")
    settings.auth, settings.tls_cert = "always", ours
    with serving(ours) as (http, shown):
        settings.port = http.server_port
        assert call(own_router(settings), "/200/1") == 1
        settings.tls_cert = other
        with pytest.raises(NoRouter, match=f"not trusted .*not the one of --tls-cert {other}"):
            call(own_router(settings), "/200/1")
        with pytest.raises(NoRouter, match=r"certificate is not trusted .* SSL_CERT_FILE=FILE"):
            call(router_at(f"https://localhost:{http.server_port}"), "/200/1")
        # The first of a chain is the server's own; those behind it may have signed for others.
        chain = tmp_path / "chain"
        chain.write_text(other.read_text() + ours.read_text())
        settings.tls_cert = chain
        with pytest.raises(NoRouter, match="certificate is not trusted"):
            call(own_router(settings), "/200/1")
    assert len(shown) == 1


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff"])
def test_a_certificate_that_is_none(
    settings: Settings, tmp_path: Path, content: bytes | None
) -> None:
    """It is named, with its option."""
    settings.tls_cert = tmp_path / "cert"
    if content is not None:
        settings.tls_cert.write_bytes(content)
    with pytest.raises(Failure, match=rf"--tls-cert {tmp_path}/cert: \S+"):
        call(own_router(settings), "/")


@pytest.mark.parametrize("url", ["localhost:1", "ftp://x", "http://x:y", "", "http://[x"])
def test_what_is_no_address(url: str) -> None:
    """It is told, exit code 2."""
    with pytest.raises(Failure, match="must be an http:// or https:// URL") as caught:
        router_at(url)
    assert caught.value.code == 2


def test_a_router_of_one_address() -> None:
    """Where ours listens on one address only, it is asked there; loopback is ``localhost``."""
    mine = banner.outbound()
    with socket.create_server((mine, 0)) as listening:
        port = listening.getsockname()[1]
        asked = own_router(Settings.model_validate({"port": port, "password": "of the test"}))
        assert asked.base == f"http://{mine}:{port}"
        assert must_be_proven(replace(asked, secret="some"))
        with socket.create_server(("127.0.0.1", port)):
            assert own_router(Settings(port=port)).base == f"http://localhost:{port}"
