"""``ocr-router dns``: the projects' names for clients that mDNS does not reach."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import api, completion, dns_server, options
from opencoderouter.cli import text as words
from opencoderouter.cli.ask import Router
from opencoderouter.cli.dns_server import HERE
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.announce.client.change import Done, Failed, Place
    from opencoderouter.announce.client.recipes import Recipe, Server
    from opencoderouter.announce.follow import Away, Target
    from opencoderouter.settings import Settings

app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    short_help="Answer DNS questions for the names of projects.",
)
_COLUMNS = 100  # at most; prose is hard to read in longer lines
_HEARING = {
    "mdns": "Ask by mDNS for other names in .local. [on]",
    "mdns_interface": "Ask by mDNS on this interface only, or !NAME: not on this one. [all]",
}
_NOTHING = (
    "This machine asks DNS servers elsewhere, as /etc/resolv.conf says, which knows no port and no"
    " domain of its own: set up one of the following on it, or on the machine that it asks."
)
_OWN = (
    "This is the DNS server of the router that runs; root is told of it by its address:"
    " `sudo {} --apply`"
)
Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        metavar="ADDRESS:PORT",
        help=f"Where to answer, over UDP and TCP. [{' and '.join(HERE)}]",
        show_default=False,
        autocompletion=completion.nothing,
    ),
]
RouterUser = Annotated[
    str | None,
    typer.Option(
        "--router-user",
        envvar="OCR_ROUTER_USER",
        metavar="USER",
        help="Whose the router of --router is, if it runs on this machine. [you]",
        show_default=False,
        autocompletion=completion.nothing,
    ),
]
System = Annotated[
    str | None,
    typer.Argument(
        metavar="SYSTEM",
        help="resolved, networkmanager, dnsmasq, macos, windows, wsl, container or nss-mdns."
        " [what this machine uses]",
        show_default=False,
        autocompletion=completion.offering(completion.systems),
    ),
]
Asked = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="ADDRESS:PORT",
        help=f"Where the client finds the DNS server. [the running router's, else {HERE[0]}]",
        show_default=False,
        autocompletion=completion.nothing,
    ),
]
Apply = Annotated[
    bool, typer.Option("--apply", help="Write what is printed (as root).", show_default=False)
]
Undo = Annotated[
    bool, typer.Option("--undo", help="Take back what --apply wrote.", show_default=False)
]


@app.callback()
@options.taking(
    *"port tls_cert state_dir log_format log_level".split(),
    *"dns_zone dns_forward dns_allow dns_claim_local".split(),
    **_HEARING,
)
def dns(
    context: typer.Context,
    router: Router = None,
    router_user: RouterUser = None,
    listen: Listen = None,
) -> int:
    """Answer DNS questions for the projects of a router, and by mDNS for other names in .local.

    It follows the router's events, and waits for it while there is none. With --no-mdns there are
    no other names. `ocr-router dns setup` tells how clients come to ask it.
    """
    if context.invoked_subcommand is not None:
        return 0
    from opencoderouter.announce.dns.binding import Unbound
    from opencoderouter.wiring import logs, sidecar

    settings, _ = options.settings(context)
    places = tuple(_place(text, "--listen") for text in listen or _here())
    target = _target(settings, router, api.uid_of(router_user) if router_user else None)
    logs.configure(settings.log_format, settings.log_level)
    try:
        return sidecar.run(settings, places, target, partial(_say, settings.dns_zone))
    except Unbound as error:
        raise Failure(f"--listen: {error.strerror}") from None


@app.command("setup", short_help="Print or write what clients need to ask it.")
@options.taking("port", "tls_cert", "dns_zone", "state_dir")
def setup(
    context: typer.Context,
    system: System = None,
    server: Asked = None,
    apply: Apply = False,  # noqa: FBT002 - a flag
    undo: Undo = False,  # noqa: FBT002 - a flag
) -> None:
    """Print what a client needs so that it asks the DNS server for the projects' names.

    SYSTEM is the kind of client; without it, what this machine uses. --apply writes the files that
    are printed, and keeps what they held before; --undo puts that back.
    """
    from opencoderouter.announce.client import change, recipes
    from opencoderouter.announce.client.machine import look

    settings, origin = options.settings(context)
    is_chosen = origin["state_dir"] != "default"
    record = settings.state_dir / change.RECORD.name if is_chosen else change.RECORD
    place = change.this_machine(record)
    if undo:
        _see_alone(apply=apply, system=system)
        _tell(change.undo(place), "restored")
        return
    own = None if server else dns_server.of_router(settings)
    asked = recipes.Server(*(own or _place(server or HERE[0], "--server")))
    zones = ("local", settings.dns_zone) if settings.dns_zone else ("local",)
    here = look(place.root, sys.platform).systems
    chosen = [recipes.recipe(one, asked, zones) for one in (_known(system) or here)]
    typer.echo("\n\n".join(_text(one, asked) for one in chosen) or _wrapped(_NOTHING))
    if not system:
        others = ", ".join(one for one in recipes.SYSTEMS if one not in here)
        typer.echo(f"\n{_wrapped(f'Others: {others}.')}")
    if own and not apply:
        command = dns_server.setup([own], settings.dns_zone)
        typer.echo(f"\n{_wrapped(_OWN.format(command))}")
    if apply:
        _apply(chosen, place)
        _see_answered(asked, settings.dns_zone)


def _see_answered(server: Server, zone: str | None) -> None:
    if warning := dns_server.warning((server.address, server.port), zone):
        typer.echo(_wrapped(warning), err=True)


def _here() -> list[str]:
    """Return where to listen by default: without IPv6 there is no ``::1``."""
    from opencoderouter.kernel.addresses import interfaces

    try:
        own = {address for one in interfaces() for address in one.addresses}
    except OSError:  # the kernel does not say
        return list(HERE)
    return [text for text in HERE if _place(text, "--listen")[0] in own]


def _see_alone(*, apply: bool, system: str | None) -> None:
    if apply or system:
        raise Failure("--undo: takes back all that was written; it goes with nothing else", 2)


def _known(system: str | None) -> tuple[str, ...]:
    from opencoderouter.announce.client.recipes import SYSTEMS

    if system is None:
        return ()
    if system not in SYSTEMS:
        raise Failure(f"SYSTEM {printable(system)}: must be one of {', '.join(SYSTEMS)}", 2)
    return (system,)


def _apply(chosen: list[Recipe], place: Place) -> None:
    from opencoderouter.announce.client import change

    writing = [one for one in chosen if one.files]
    if not writing:
        raise Failure("--apply: there is no file of this machine to write; see above")
    typer.echo("")
    for one in writing:
        _see_it_is_this(one.system)
    for one in writing:
        _tell(change.apply(one, place), "written")


def _see_it_is_this(system: str) -> None:
    is_mac = sys.platform == "darwin"
    if (system == "macos") != is_mac:
        raise Failure(f"--apply {system}: this is {'' if is_mac else 'not '}macOS")


def _tell(outcome: Done | Failed, verb: str) -> None:
    from opencoderouter.announce.client.change import Failed

    if isinstance(outcome, Failed):
        raise Failure(printable(outcome.reason))
    for path in outcome.paths:
        typer.echo(f"{verb}  {path}")
    for command in outcome.ran:
        typer.echo(f"ran  {' '.join(command)}")
    for command in outcome.left:
        typer.echo(f"left to you  {' '.join(command)}  (systemd does not run it here)")
    if not outcome.paths:
        typer.echo("Nothing to do: all is so already.")


def _text(recipe: Recipe, server: Server) -> str:
    from opencoderouter.announce.client.recipes import needs_port

    blocks = [f"{recipe.system}: {recipe.title}"]
    blocks += [f"{file.path}:\n{_indented(file.content)}" for file in recipe.files]
    if recipe.commands:
        blocks.append(_indented("\n".join(recipe.commands)))
    if recipe.reload:
        blocks.append(f"then: {' '.join(recipe.reload)}")
    notes = [*recipe.paragraphs, *filter(None, [needs_port(recipe.system, server)])]
    return "\n\n".join([*blocks, *map(_wrapped, notes)])


def _wrapped(text: str) -> str:
    return words.wrapped(text, min(words.columns() or _COLUMNS, _COLUMNS))


def _indented(text: str) -> str:
    return textwrap.indent(text.rstrip("\n"), "    ")


def _place(text: str, option: str) -> tuple[str, int]:
    from opencoderouter.fields import listening

    try:
        return listening(text)
    except ValueError:
        allowed = "ADDRESS:PORT, an IPv6 address in brackets"
        raise Failure(f"{option} {printable(text)}: must be {allowed}", 2) from None


def _target(settings: Settings, url: str | None, owner: int | None) -> Callable[[], Target | Away]:
    """Return what finds the router anew each time: its password may be another one by then.

    Raises Failure for a URL that is none.
    """
    from opencoderouter.announce.follow import Away, Target

    if url is not None:
        api.router_at(url)

    def target() -> Target | Away:
        try:
            router = api.router_at(url, owner) if url is not None else api.own_router(settings)
            context = api.trusting(router.certificate) if router.certificate else None
        except Failure as failure:
            return Away(str(failure))
        proof = partial(api.leads_to, router.owner) if api.must_be_proven(router) else None
        return Target(router.base, router.secret, context, proof)

    return target


def _say(zone: str | None, places: tuple[tuple[str, int], ...]) -> None:
    from opencoderouter.fields import format_listening

    where = " and ".join(map(format_listening, places))
    command = dns_server.setup(places, zone)
    with suppress(OSError, ValueError):  # it runs on when nobody reads
        typer.echo(f"DNS at {where}. How clients come to ask it: `{command}`")
        sys.stdout.flush()
