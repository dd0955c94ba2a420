"""All checks, in the order of the report."""

from __future__ import annotations

from opencoderouter.doctor import (
    access,
    clock,
    config,
    container,
    limits,
    listeners,
    managed,
    network,
    ports,
    program,
    router,
    state,
    terminal,
    versions,
)
from opencoderouter.doctor.finding import Check

_MODULES = (
    config,
    router,
    ports,
    program,
    listeners,
    managed,
    state,
    access,
    network,
    container,
    limits,
    clock,
    terminal,
    versions,
)


def all_checks() -> tuple[Check, ...]:
    """Return every check there is; each code is there once."""
    return tuple(check for module in _MODULES for check in module.CHECKS)
