"""``ocr-router config``: the effective settings and where each came from."""

from __future__ import annotations

import json

import typer

from opencoderouter.cli import options


@options.taking()
def config(context: typer.Context, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """Print every setting, its value and whether it is a flag, environment, file or default."""
    from opencoderouter.settings import config_path

    settings, origin = options.settings(context)
    values = settings.model_dump(mode="json")
    if json_:
        rows = {name: {"value": values[name], "origin": origin[name]} for name in values}
        typer.echo(json.dumps(rows, indent=2))
        return
    typer.echo(f"# {config_path()}")
    width = max(map(len, values))
    for name, value in values.items():
        typer.echo(f"{name:{width}} = {_text(name, value):32} # {origin[name]}")


def _text(name: str, value: object) -> str:
    from opencoderouter.core.duration import format_duration
    from opencoderouter.fields import format_size
    from opencoderouter.settings import DURATIONS

    shown = value
    if name in DURATIONS and isinstance(value, float):
        shown = format_duration(value)
    elif name == "log_size" and isinstance(value, int):
        shown = format_size(value)
    return json.dumps(shown, ensure_ascii=False)
