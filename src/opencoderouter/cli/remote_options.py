"""The options that every command of ``ocr`` takes, before or after its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opencoderouter.cli.remote_start import Chosen

if TYPE_CHECKING:
    from opencoderouter.cli.remote_fleet import Open


@dataclass(slots=True, kw_only=True)
class Start(Chosen):
    """What a command starts from. ``tail`` is what stood behind ``--``.

    ``open`` makes the fleet, ``launch`` opens a URL in the browser, ``clock`` gives seconds since
    the epoch: arguments for tests.
    """

    open: Open
    launch: Callable[[str], object]
    clock: Callable[[], float]
    tail: tuple[str, ...] = ()


Json = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.", show_default=False)]

_TEXT = (
    ("config", "FILE", "Another configuration than ~/.opencode/remote-tui.yaml."),
    ("ssh-config", "FILE", "Another configuration of ssh than its own (ssh -F)."),
    ("log-file", "FILE", "Another log than ~/.local/state/opencoderouter/ocr.log."),
)
_DEBUG = "Log more."


def values() -> frozenset[str]:
    """Return the options that take a value, as they are typed."""
    return frozenset(f"--{name}" for name, _, _ in _TEXT)


def taking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; ``start(context)`` has them then."""
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(**arguments: Any) -> object:  # noqa: ANN401 - whatever typer passes
        told = start(arguments["context"])
        for name in ("config", "ssh_config", "log_file", "debug"):
            if arguments.get(name):
                setattr(told, name, arguments[name])
        return command(**{k: v for k, v in arguments.items() if k in signature.parameters})

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *_parameters()]
    )
    return run


def start(context: typer.Context) -> Start:
    """Return what a command starts from."""
    found: Start = context.obj
    return found


def _parameters() -> list[inspect.Parameter]:
    text = [
        (name.replace("-", "_"), str | None, f"--{name}", help_, metavar)
        for name, metavar, help_ in _TEXT
    ]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(None, flag, help=help_, metavar=metavar, show_default=False),
            annotation=kind,
        )
        for name, kind, flag, help_, metavar in [*text, ("debug", bool, "--debug", _DEBUG, None)]
    ]
