"""``ocr-router password``: show the router's password, or draw a new one."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from opencoderouter.cli import audit, options
from opencoderouter.cli.api import own_router, takes
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refused

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

Rotate = Annotated[
    bool,
    typer.Option("--rotate", help="Draw a new one; this ends all sessions.", show_default=False),
]
Qr = Annotated[
    bool,
    typer.Option("--qr", help="Show an address that logs in, as a QR code.", show_default=False),
]


@options.taking("port", "hostname", "password_file", "tls_cert", "state_dir")
def password(context: typer.Context, rotate: Rotate = False, qr: Qr = False) -> None:  # noqa: FBT002 - flags
    """Print the password that other users and machines need, and nothing else.

    A router that runs on --port is asked whether it is the one that it takes.
    """
    settings, _ = options.settings(context)
    where = settings.password_from or settings.sources.secrets.path
    try:
        if rotate:
            _rotate(settings)
        secret = settings.sources.effective()
    except OSError as error:
        raise refused(error, settings) from None
    typer.echo(_code(settings, secret) if qr else secret)
    if sys.stderr.isatty():
        typer.echo(f"(from {where})", err=True)
    if not rotate:
        _compare(settings, secret)


def _rotate(settings: Settings) -> None:
    if settings.password_from is not None:
        raise Failure(f"the password is from {settings.password_from}: change it there")
    with suppress(OSError):  # the old one: a router needs a moment for the new one
        _compare(settings, settings.sources.secrets.read().password)
    settings.sources.secrets.rotate()
    audit.note(settings, "password_rotated")


def _compare(settings: Settings, secret: str) -> None:
    """Say so when our router that runs on the port does not take this password."""
    try:
        taken = takes(own_router(settings), secret)
    except Failure:  # there is none, or it does not say
        return
    if not taken:
        where = "its own OCR_PASSWORD, --password-file, --state-dir or config file"
        typer.echo(f"The router on port {settings.port} uses another password: {where}.", err=True)


def _code(settings: Settings, secret: str) -> str:
    """Return a QR code of an address that logs in, and the address."""
    import segno

    from opencoderouter.wiring.banner import outbound
    from opencoderouter.wiring.listen import is_loopback

    host = settings.hostname
    if is_loopback(host):
        raise Failure(f"--hostname {host}: only this machine reaches the router, without password")
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - not bound here
        host = outbound()
    host = f"[{host}]" if ":" in host else host
    # A fragment stays in the browser: neither the router's log nor anybody on the way sees it.
    url = f"{settings.scheme}://{host}:{settings.port}/.ocr/login#{quote(secret, safe='')}"
    drawn = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(drawn, compact=True)
    return f"{drawn.getvalue()}\n{url}"
