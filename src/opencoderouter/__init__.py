"""OpenCodeRouter: find every OpenCode server, name it, route to it.

The layers, each importing only what stands to its right::

    cli > wiring > settings > adapters > kernel | opencode > registry > watch > core

``docs/architecture.md`` draws the flows; import-linter holds the arrows.
"""

__version__ = "0.1.0"
