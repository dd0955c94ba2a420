"""``ocr-router why``: follows one address to the hop that fails."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import options
from opencoderouter.cli.api import trusting
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.doctor.hop import Hop
    from opencoderouter.doctor.target import Here, Target
    from opencoderouter.doctor.why_wire import Own
    from opencoderouter.settings import Settings

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
    hops = []
    for hop in trace(meant, Network(_own(settings)), here):
        hops.append(hop)
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
    return Here(settings.port, settings.scheme, frozenset({name, name.partition(".")[0]}))


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


def _line(hop: Hop) -> str:
    took = f" ({hop.seconds * 1000:.0f} ms)" if hop.seconds is not None else ""
    first = f"{'ok' if hop.ok else 'failed':8}{hop.name:12}{printable(hop.seen)}{took}"
    if hop.ok:
        return first
    rest = (f"{'':20}{printable(text)}" for text in (hop.why, f"To mend it: {hop.mend}"))
    return "\n".join([first, *rest])


def _report(target: Target, hops: Sequence[Hop]) -> dict[str, object]:
    return {"url": target.url, "ok": hops[-1].ok, "hops": [_json(hop) for hop in hops]}


def _json(hop: Hop) -> dict[str, object]:
    status = "ok" if hop.ok else "failed"
    took = None if hop.seconds is None else round(hop.seconds, 3)
    facts = {"seen": hop.seen, "why": hop.why, "mend": hop.mend, "seconds": took}
    return {"hop": hop.name, "status": status, **facts}
