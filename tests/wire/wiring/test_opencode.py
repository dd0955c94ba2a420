"""The password of the environment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes import SECURE_AREA, Asked, as_json, http, serving

from opencoderouter.core.model import Kind, Listener
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.wiring.opencode import opencode_client


def listening(port: int) -> Listener:
    """Return the socket that listens there, as discovery finds it."""
    listeners = kernel_listeners()
    if listeners is None:
        pytest.skip("needs a kernel that tells of its sockets")
    return next(one for one in listeners() if one.port == port)


async def test_the_password_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that wants the password gets that of the environment, as OpenCode would."""
    monkeypatch.setenv("OPENCODE_SERVER_PASSWORD", "secret")
    monkeypatch.setenv("OPENCODE_SERVER_USERNAME", "alice")

    def reply(asked: Asked) -> bytes:
        if asked.headers.get("authorization") == "Basic YWxpY2U6c2VjcmV0":  # alice:secret
            return as_json(value=True)
        return http(401, "", www_authenticate=SECURE_AREA)

    async with serving(reply) as server, opencode_client(20) as client:
        listener = replace(listening(server.port), kind=Kind.SERVE)
        assert await client.dispose(listener)
        monkeypatch.delenv("OPENCODE_SERVER_PASSWORD")
        async with opencode_client(20) as without:
            assert not await without.dispose(listener)
