"""The options that commands share.

All come as text: ``settings`` judges flags, environment and file by one set of rules, and
nothing of it is loaded for ``--help``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opencoderouter.cli import completion
from opencoderouter.cli.failure import Failure

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

_TEXT = (  # name, metavar, help, default as the help shows it
    ("port", "PORT", "Port of the router.", "8080"),
    ("hostname", "ADDRESS", "Address to listen on, its IPv6 twin too.", "0.0.0.0"),  # noqa: S104 - words
    ("username", "NAME", "Owner in host names.", "you"),
    (
        "auth",
        "auto|always|off",
        "Who needs the password: all but you on this machine; all; nobody (a shell for everybody).",
        "auto",
    ),
    (
        "password-file",
        "FILE",
        "Its first line is the password; or set OCR_PASSWORD.",
        "one is generated: `ocr-router password`",
    ),
    ("tls-cert", "FILE", "HTTPS: the router's certificate and its chain, PEM.", "HTTP"),
    ("tls-key", "FILE", "The key of --tls-cert, PEM.", "none"),
    ("scan-start", "PORT", "First port of the scanned range.", "30000"),
    ("scan-end", "PORT", "Last port of the scanned range.", "31000"),
    ("scan-interval", "DURATION", "How often known servers are checked.", "5s"),
    ("scan-concurrency", "N", "Probes at the same time.", "20"),
    ("probe-timeout", "DURATION", "How long one probe waits.", "800ms"),
    ("stale-after", "DURATION", "Drop a silent server after this (not on Linux).", "30s"),
    (
        "mdns-txt",
        "full|minimal",
        "What is announced of a project; full has its directory and its server's address.",
        "minimal; full with --auth off",
    ),
    ("dns-zone", "DOMAIN", "Have the DNS server answer for this domain, too.", "none"),
    ("opencode", "PROGRAM", "The OpenCode program.", "opencode"),
    ("grace", "DURATION", "Time for running requests at shutdown.", "5s"),
    ("log-format", "text|json", "Form of the log.", "text"),
    ("log-level", "debug|info|warning|error", "How much is logged.", "info"),
    ("access-log", "off|-|FILE", "A line for each request, in a file or (-) on stderr.", "off"),
    ("access-log-format", "common|json", "Form of the access log.", "common"),
    ("log-size", "SIZE", "Size at which access and audit log are moved away, 5 kept.", "50MB"),
    ("workers", "N", "Processes that share the work (Linux).", "1"),
    ("max-connections", "N", "Client connections at the same time.", "10000"),
    ("max-connections-per-address", "N", "The same from one address (IPv6: one /64).", "8000"),
    ("max-unauthenticated", "N", "The same on which nobody has shown who they are.", "64"),
    ("api-rate", "N", "Requests a second of one address to dashboard and API.", "50"),
    ("max-websockets", "N", "WebSockets at the same time.", "2000"),
    ("max-request-line", "OCTETS", "Longest request line.", "32768"),
    ("max-header-size", "OCTETS", "Longest head of a request.", "65536"),
    ("max-header-fields", "N", "Most header fields of a request.", "256"),
    ("header-timeout", "DURATION", "Time to send the head of a request.", "10s"),
    ("keepalive-timeout", "DURATION", "Drop a connection that is idle so long.", "1m15s"),
    (
        "state-dir",
        "DIRECTORY",
        "Where names, password and tokens are.",
        "~/.local/state/opencoderouter",
    ),
)
_LISTS = (  # name, metavar, help, default as the help shows it; more than once
    ("allow-host", "NAME", "Another name of the router, or *.NAME for those of projects.", "none"),
    (
        "allow-origin",
        "ORIGIN",
        "A site whose pages may send requests: SCHEME://HOST[:PORT].",
        "none",
    ),
    ("backend", "NAME=URL", "A server elsewhere: NAME=http://[USER:PASSWORD@]HOST:PORT.", "none"),
    (
        "mdns-interface",
        "NAME",
        "Announce on this interface only, or !NAME: not on this one.",
        "all but containers'",
    ),
    ("dns", "ADDRESS:PORT", "Answer DNS questions for the projects' names there.", "nowhere"),
    ("dns-forward", "ADDRESS", "A DNS server to ask for all other names.", "none"),
    ("dns-allow", "NETWORK", "Answer DNS questions from there, too.", "private networks"),
)
_SWITCHES = (
    ("mdns", "--mdns/--no-mdns", "Announce names on the network. [on]"),
    (
        "dns_claim_local",
        "--dns-claim-local",
        "Have clients that use mDNS as well ask the DNS server for all of .local.",
    ),
    ("fleet", "--fleet", "Watch the SSH hosts of `ocr`, and show them on the dashboard."),
    (
        "adopt_unowned",
        "--adopt-unowned",
        "Route to servers that cannot be shown to be yours (not on Linux).",
    ),
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]


def taking(*names: str, **words: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these options (all, when none is named). It reads them by ``settings()``.

    ``words`` are further ones, by what they mean for this command.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        wanted = {*names, *words}
        added = [p for p in _parameters(words) if not wanted or p.name in wanted]
        signature = inspect.signature(command, eval_str=True)

        @functools.wraps(command)
        def run(**arguments: object) -> object:
            return command(**{k: v for k, v in arguments.items() if k in signature.parameters})

        run.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *added]
        )
        return run

    return decorate


def _parameters(words: Mapping[str, str]) -> list[inspect.Parameter]:
    text = [
        (name.replace("-", "_"), str | None, (f"--{name}",), f"{help_} [{default}]", metavar)
        for name, metavar, help_, default in _TEXT
    ]
    lists = [
        (
            name.replace("-", "_"),
            list[str] | None,
            (f"--{name}",),
            f"{help_} Repeatable. [{default}]",
            metavar,
        )
        for name, metavar, help_, default in _LISTS
    ]
    switches = [(name, bool | None, (flags,), help_, None) for name, flags, help_ in _SWITCHES]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(
                None,
                *flags,
                help=words.get(name, help_),
                metavar=metavar,
                show_default=False,
                autocompletion=_values(metavar),
            ),
            annotation=kind,
        )
        for name, kind, flags, help_, metavar in [*text, *lists, *switches]
    ]


def _values(metavar: str | None) -> Callable[..., list[str]]:
    """Return what a shell offers for an option: what its metavar names, words, files or nothing."""
    words = [word for word in (metavar or "").split("|") if word.islower()]
    if metavar == "DIRECTORY":
        return completion.directories
    if not words and metavar not in {"FILE", "PROGRAM"}:
        return completion.nothing
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def flags(context: typer.Context) -> dict[str, object]:
    """Return the settings that were given to a command as flags, as text."""
    from opencoderouter.settings import Settings

    given = {k: v for k, v in context.params.items() if k in Settings.model_fields}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}


def settings(context: typer.Context) -> tuple[Settings, dict[str, str]]:
    """Return the settings and their origins from the flags of a command.

    Raises Failure, exit code 2, for a value that cannot be used.
    """
    from opencoderouter.settings import SettingsError, load

    try:
        return load(flags(context))
    except SettingsError as error:
        raise Failure(str(error), 2) from None
