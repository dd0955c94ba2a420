"""What the user types: parse, print, exit code. The only place that knows typer."""
