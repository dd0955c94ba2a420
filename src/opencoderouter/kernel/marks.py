"""What servers that are started here find in their environment, and are known by afterwards.

Nothing but the standard library is imported, and of that nothing large: the guard loads this file.
"""

from __future__ import annotations

from collections.abc import Mapping

# In the environment of every server that is started here; its tools inherit it.
MARK = "OCR_SERVER_ID"
# What OpenCode reads its credentials from.
USERNAME, PASSWORD = "OPENCODE_SERVER_USERNAME", "OPENCODE_SERVER_PASSWORD"
USER = "opencode"  # OpenCode's own default
# The router's own secrets (`OCR_BACKEND` may have credentials in its URLs). An agent reads its
# server's environment.
_SECRETS = frozenset({"OCR_PASSWORD", "OCR_BACKEND", "OCR_TOKEN", USERNAME, PASSWORD})


def environment(inherited: Mapping[str, str], mark: str, password: str | None) -> dict[str, str]:
    """Return the environment for a server: ``inherited``, without any secret, and its own.

    ``password`` is None where nobody could find it again: then it wants none.
    """
    own = {USERNAME: USER, PASSWORD: password} if password else {}
    return {**without_secrets(inherited), **own, MARK: mark}


def without_secrets(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what any process may inherit that is started here."""
    return {name: value for name, value in inherited.items() if name not in _SECRETS}
