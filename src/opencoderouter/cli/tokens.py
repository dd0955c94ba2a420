"""``ocr-router token``: secrets for other machines and agents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import audit, completion, options, text
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refusing
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.core.keyring import Token
    from opencoderouter.settings import Settings

app = typer.Typer(
    help="Create, list and revoke tokens: secrets for other machines and agents.",
    short_help="Make, list, end tokens for other machines and agents.",
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="What to call it: who will have it.")]
Which = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The token's name or id.",
        autocompletion=completion.offering(completion.tokens),
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        metavar="SLUG",
        help="Good for this project only.",
        autocompletion=completion.offering(completion.projects),
    ),
]
ReadOnly = Annotated[
    bool, typer.Option("--read-only", help="Good for looking only.", show_default=False)
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="DURATION", help="Good so long, as 30d. [for ever]"),
]
_LONGEST = 3650 * 86400.0  # seconds
_POWER = (
    "Whoever has it acts as you: who may prompt an agent can run any command that you can.\n"
    "`--read-only` makes one that can look only."
)


@app.command("create", short_help="Print a new token.")
@options.taking("state_dir")
def create(
    context: typer.Context,
    name: Name,
    project: Project = None,
    read_only: ReadOnly = False,  # noqa: FBT002 - a flag
    expires: Expires = None,
) -> None:
    """Print a new token: it is shown this once, and kept nowhere.

    Clients send it as `Authorization: Bearer TOKEN`, or as the password of user `opencode`.
    """
    from opencoderouter.access.tokens import Taken

    settings, _ = options.settings(context)
    _judge(name, project)
    now = _now()
    until = None if expires is None else now + _duration(expires)
    with refusing(settings):
        made = settings.sources.tokens.create(
            name, project=project, read_only=read_only, expires=until, now=now
        )
    if isinstance(made, Taken):
        hint = f"`ocr-router token revoke {name}` ends it"
        raise Failure(f"{name}: there is a token with this name; {hint}")
    token, secret = made
    _note(settings, "token_created", token)
    typer.echo(f"Token {name} ({token.id}): {_rights(token)}, {_end(token)}.", err=True)
    if not read_only:
        typer.echo(_POWER, err=True)
    if project is not None and not _is_known(project, settings):
        hint = "right if it is yet to come (`ocr-router ls` lists those there are)"
        typer.echo(f"No project {project} is known here: {hint}.", err=True)
    typer.echo(secret)


@app.command("list", short_help="List the tokens.")
@options.taking("state_dir")
def list_(context: typer.Context, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List the tokens, without the secrets, which nobody knows but who has them."""
    settings, _ = options.settings(context)
    with refusing(settings):
        tokens = settings.sources.tokens.load()
    if json_:
        typer.echo(json.dumps([_shown(token) for token in tokens], indent=2))
    elif tokens:
        head = ("ID", "NAME", "GOOD FOR", "CREATED", "EXPIRES")
        typer.echo(text.table(head, map(_row, tokens)))
    else:
        typer.echo("No tokens. `ocr-router token create NAME` makes one.")


@app.command("revoke", short_help="End a token.")
@options.taking("state_dir")
def revoke(context: typer.Context, name: Which) -> None:
    """End a token: a running router refuses it, and ends what it has open, within two seconds."""
    settings, _ = options.settings(context)
    with refusing(settings):
        token = settings.sources.tokens.revoke(name)
    if token is None:
        hint = "`ocr-router token list` lists them"
        raise Failure(f"{printable(name)}: there is no such token; {hint}")
    _note(settings, "token_revoked", token)
    typer.echo(f"revoked  {token.name}  ({token.id})")


def _judge(name: str, project: str | None) -> None:
    from opencoderouter.access.tokens import is_name
    from opencoderouter.core.slug import is_slug

    if not is_name(name):
        allowed = "letters, digits, `.`, `_` and `-`, 64 at most"
        raise Failure(f"NAME {printable(name)}: must be of {allowed}", 2)
    if project is not None and not is_slug(project):
        hint = "`ocr-router ls` lists them"
        raise Failure(f"--project {printable(project)}: must be a project's name; {hint}", 2)


def _is_known(project: str, settings: Settings) -> bool:
    """Tell whether a project has, or once had, this name."""
    from opencoderouter.leases import LeaseFile

    leases = LeaseFile(settings.state_dir / "leases.json").load()
    return project in {*leases.values(), *(server.name for server in settings.backend)}


def _duration(text_: str) -> float:
    from opencoderouter.core.duration import parse_duration

    try:
        seconds = parse_duration(text_)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise Failure(f"--expires {printable(text_)}: must be 1ms to 3650d, such as 12h or 30d", 2)
    return seconds


def _note(settings: Settings, event: str, token: Token) -> None:
    audit.note(settings, event, name=token.name, token=token.id, rights=_rights(token))


def _rights(token: Token) -> str:
    what = f"project {token.project}" if token.project else "all projects"
    return f"{what}, read only" if token.read_only else what


def _end(token: Token) -> str:
    return "for ever" if token.expires is None else f"until {_date(token.expires)}"


def _shown(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "project": token.project,
        "read_only": token.read_only,
        "created": _date(token.created),
        "expires": None if token.expires is None else _date(token.expires),
        "expired": _has_expired(token),
    }


def _row(token: Token) -> tuple[str, ...]:
    end = "never" if token.expires is None else _date(token.expires)
    gone = " (expired)" if _has_expired(token) else ""
    return (token.id, token.name, _rights(token), _date(token.created), end + gone)


def _has_expired(token: Token) -> bool:
    return token.expires is not None and token.expires <= _now()


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
