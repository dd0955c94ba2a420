"""``ocr-router doctor``: what is wrong, why it matters, what mends it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import options
from opencoderouter.cli.api import Router as Asked
from opencoderouter.cli.api import call, call_as_stranger, own_router
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.program import find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opencoderouter.doctor.facts import Answer, Ask, Facts
    from opencoderouter.doctor.finding import Check, Finding
    from opencoderouter.doctor.report import Style
    from opencoderouter.settings import Settings

_PATIENCE = 1.2  # seconds for an answer of the router; a check is cut at 2
_PLAIN = 100  # columns where there is no terminal

Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="CODE", help="Only this check; more than once.", show_default=False
    ),
]
Fix = Annotated[
    bool, typer.Option("--fix", help="Offer to mend what can be undone.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Mend without asking.", show_default=False)]
List = Annotated[bool, typer.Option("--list", help="List the checks.", show_default=False)]
Schema = Annotated[
    bool,
    typer.Option("--schema", help="Print the JSON Schema of --json.", show_default=False),
]


@options.taking(
    *"port hostname username auth password_file tls_cert tls_key scan_start scan_end".split(),
    *"adopt_unowned opencode workers max_connections state_dir mdns".split(),
    *"mdns_interface dns dns_zone dns_claim_local".split(),
)
def doctor(  # noqa: PLR0913, PLR0917 - one argument for each flag
    context: typer.Context,
    json_: options.Json = False,  # noqa: FBT002 - a flag
    only: Only = None,
    fix: Fix = False,  # noqa: FBT002 - a flag
    yes: Yes = False,  # noqa: FBT002 - a flag
    list_: List = False,  # noqa: FBT002 - a flag
    schema: Schema = False,  # noqa: FBT002 - a flag
) -> int:
    """Look at everything a router needs; say what is wrong, why it matters, and what mends it.

    Works whether or not the router runs; give it the options that the router has. Exit code: 0
    nothing to mend, 1 problems found, 2 could not run.
    """
    with _ending_at_once():
        _load()
    from opencoderouter.doctor import report
    from opencoderouter.doctor.finding import PROBLEMS

    if yes and not fix:
        raise Failure("--yes: goes with --fix", 2)
    if schema or list_:
        _print(report.schema() if schema else _listed(_chosen(only), json_=json_))
        return 0
    checks = _chosen(only)
    facts = _facts(context)
    findings = _look(checks, facts)
    if not json_:
        _print(report.table(_masked(findings, facts), _style()))
    if fix and _mended(findings, facts, yes=yes):
        findings = _look(checks, _facts(context))
        if not json_:
            _print("\n" + report.table(_masked(findings, facts), _style()))
    if json_:
        _print(json.dumps(report.to_json(_masked(findings, facts)), indent=2))
    return int(any(finding.status in PROBLEMS for finding in findings))


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """End with exit code 130 on Ctrl-C: an import that is cut short may say anything else."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _load() -> None:
    """Import what takes its time."""
    from opencoderouter.doctor import checks
    from opencoderouter.wiring import entry

    del checks, entry


def _listed(checks: Sequence[Check], *, json_: bool) -> str:
    from opencoderouter.doctor import report

    if json_:
        return json.dumps(report.listing_json(checks), indent=2)
    return report.listing(checks)


def _chosen(only: list[str] | None) -> tuple[Check, ...]:
    from opencoderouter.doctor.checks import all_checks

    checks = all_checks()
    if not only:
        return checks
    for code in only:
        if code not in {check.code for check in checks}:
            known = ", ".join(check.code for check in checks)
            raise Failure(f"--only {code}: there is no such check; there are {known}", 2)
    return tuple(check for check in checks if check.code in only)


def _look(checks: Sequence[Check], facts: Facts) -> tuple[Finding, ...]:
    from opencoderouter.doctor.run import run

    return asyncio.run(run(checks, facts))


def _facts(context: typer.Context) -> Facts:
    from opencoderouter.doctor.facts import Facts, Router
    from opencoderouter.settings import config_path
    from opencoderouter.wiring.clock import clock

    settings, origins, broken = _settings(context)
    return Facts(
        settings=settings,
        origins=origins,
        config=config_path(),
        broken=broken,
        router=Router(_asking(settings, call)),
        stranger=Router(_asking(settings, call_as_stranger)),
        program=find_program(settings.opencode),
        environment=dict(os.environ),
        home=Path(os.path.expanduser("~")),  # noqa: PTH111 - this one never raises
        clock=clock,
    )


def _settings(context: typer.Context) -> tuple[Settings, dict[str, str], str]:
    """Return the settings, their origins, and why they are not the user's, if so.

    Raises Failure for a flag that cannot be used.
    """
    from opencoderouter.settings import Settings, SettingsError, load

    given = {k: v for k, v in options.flags(context).items() if v is not None and v != []}
    try:
        settings, origins = load(given)
    except SettingsError as error:
        if str(error).startswith("--"):
            raise Failure(str(error), 2) from None
        return _without_file(given) or Settings.model_construct(), {}, str(error)
    return settings, origins, ""


def _without_file(given: dict[str, object]) -> Settings | None:
    from opencoderouter.settings import Settings

    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValueError:  # it is the environment
        return None


def _asking(settings: Settings, question: Callable[[Asked, str], object]) -> Ask:
    """Return what asks the router of this machine, if somebody listens there."""
    from opencoderouter.doctor.facts import Answered, Unanswered
    from opencoderouter.kernel.sockets import kernel_listeners

    def ask(path: str) -> Answer:
        listeners = kernel_listeners()
        if listeners and all(item.port != settings.port for item in listeners()):
            return Unanswered(f"nobody listens on port {settings.port}", down=True)
        try:
            return Answered(question(_asked(settings), path))
        except Failure as failure:
            return Unanswered(str(failure), down=listeners is None)

    return ask


def _asked(settings: Settings) -> Asked:
    """Return the router of this machine, and what it is shown; no password is drawn for it."""
    from opencoderouter.doctor.passwords import effective

    router = own_router(settings.model_copy(update={"auth": "off"}))
    return replace(router, secret=router.secret or effective(settings), patience=_PATIENCE)


def _masked(findings: Sequence[Finding], facts: Facts) -> list[Finding]:
    from opencoderouter.doctor import report

    mask = _mask(facts)
    return [report.masked(finding, mask) for finding in findings]


def _mask(facts: Facts) -> Callable[[str], str]:
    from opencoderouter.doctor.mask import masker
    from opencoderouter.doctor.passwords import known
    from opencoderouter.doctor.versions import is_usable

    # One that cannot be used is told: "~ cannot be used" would say nothing.
    home = facts.home if is_usable(facts.home) else Path("/")
    return masker(home, facts.environment, known(facts.settings))


def _mended(findings: Sequence[Finding], facts: Facts, *, yes: bool) -> bool:
    """Offer what can be mended; tell whether anything was."""
    from opencoderouter.doctor import fix

    mask = _mask(facts)
    if not any(finding.fix for finding in findings):
        typer.echo("ocr-router: nothing here can be mended by --fix", err=True)
        return False
    if not (yes or sys.stdin.isatty()):
        typer.echo("ocr-router: --fix: nobody can be asked, nothing is done (--yes)", err=True)
        return False

    def confirm(question: str) -> bool:
        return yes or typer.confirm(mask(question), err=True)

    return fix.apply(findings, confirm, lambda line: typer.echo(mask(line), err=True))


def _style() -> Style:
    from opencoderouter.doctor.report import Style

    terminal = sys.stdout.isatty()
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return Style(
        width=shutil.get_terminal_size().columns if terminal else _PLAIN,
        colour=terminal and not plain,
        unicode=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
    )


def _print(text: str) -> None:
    """Print, whatever the terminal can show."""
    encoding = sys.stdout.encoding or "ascii"
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding), color=True)
