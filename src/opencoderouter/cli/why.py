"""``ocr-router why``: follows one address to the hop that fails."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from opencoderouter.cli import options, text
from opencoderouter.cli.api import own_router, trusting
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.doctor.hop import Hop
    from opencoderouter.doctor.target import Here, Target
    from opencoderouter.doctor.why_wire import Own
    from opencoderouter.settings import Settings

_MARGIN = 20  # columns for the status and the name of a hop
Address = Annotated[
    str, typer.Argument(metavar="URL|NAME", help="A URL, a host name, or a project's name.")
]


@options.taking("port", "password_file", "tls_cert", "tls_key", "state_dir")
def why(context: typer.Context, address: Address, json_: options.Json = False) -> int:  # noqa: FBT002 - a flag
    """Follow one address through name, connection, Host check, access, routing and backend.

    Stops at the hop that fails, and says why. Exit code 0 when all are in order, 1 when one failed.
    """
    from opencoderouter.doctor.why import trace
    from opencoderouter.doctor.why_wire import Network

    settings, _ = options.settings(context)
    here = _here(settings)
    meant = _meant(address, here)
    hops, mask = [], _mask(settings)
    for found in trace(meant, Network(_own(settings)), here):
        hops.append(hop := _masked(found, mask))
        if not json_:
            typer.echo(_line(hop))
    if json_:
        typer.echo(json.dumps(_report(meant, hops), indent=2))
    elif hops[-1].ok:
        typer.echo(f"All is in order: {printable(meant.url)}")
    return 0 if hops[-1].ok else 1


def _here(settings: Settings) -> Here:
    from opencoderouter.doctor.target import Here

    name = platform.node().lower()
    machine = frozenset({name, name.partition(".")[0]})
    return Here(settings.port, settings.scheme, machine, _host(settings))


def _host(settings: Settings) -> str:
    """Return by which host this machine's router is reached: ``localhost``, or its only address."""
    try:
        return urlsplit(own_router(settings).base).hostname or "localhost"
    except Failure:  # it is another user's: why it does not answer is told
        return "localhost"


def _meant(address: str, here: Here) -> Target:
    """Return what is to be followed. Raises Failure, exit code 2, for what is no address."""
    from opencoderouter.doctor.target import NoTarget, target

    found = target(address, here)
    if isinstance(found, NoTarget):
        shown = "URL" if "@" in address else printable(address)
        raise Failure(f"{shown}: {found.reason}", 2)
    return found


def _own(settings: Settings) -> Own:
    from opencoderouter.doctor.why_wire import Own

    certificate = settings.tls_cert
    context = partial(trusting, certificate) if certificate else None
    return Own(settings.port, partial(_secret, settings), context)


def _secret(settings: Settings) -> str | None:
    """Return what the own router is shown when it asks who it is: a token, or its password."""
    try:
        return os.environ.get("OCR_TOKEN") or settings.sources.effective()
    except OSError:  # it is not ours to be read: then it is not shown
        return None


def _mask(settings: Settings) -> Callable[[str], str]:
    """Return what is done to every text, as `doctor` does: it may be shown to others."""
    from opencoderouter.doctor.mask import masker
    from opencoderouter.doctor.passwords import known

    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - this one never raises
    return masker(home, os.environ, known(settings))


def _masked(hop: Hop, mask: Callable[[str], str]) -> Hop:
    return replace(hop, seen=mask(hop.seen), why=mask(hop.why), mend=mask(hop.mend))


def _line(hop: Hop) -> str:
    took = f" ({hop.seconds * 1000:.0f} ms)" if hop.seconds is not None else ""
    width, margin = text.columns(), " " * _MARGIN
    first = f"{'ok' if hop.ok else 'failed':8}{hop.name:12}"
    lines = [text.wrapped(f"{printable(hop.seen)}{took}", width, first, margin)]
    if not hop.ok:
        words = (hop.why, f"To mend it: {hop.mend}")
        lines += [text.wrapped(printable(one), width, margin, margin) for one in words]
    return "\n".join(lines)


def _report(target: Target, hops: Sequence[Hop]) -> dict[str, object]:
    return {"url": target.url, "ok": hops[-1].ok, "hops": [_json(hop) for hop in hops]}


def _json(hop: Hop) -> dict[str, object]:
    status = "ok" if hop.ok else "failed"
    took = None if hop.seconds is None else round(hop.seconds, 3)
    facts = {"seen": hop.seen, "why": hop.why, "mend": hop.mend, "seconds": took}
    return {"hop": hop.name, "status": status, **facts}
