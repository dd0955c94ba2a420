"""The environment of servers."""

from __future__ import annotations

from opencoderouter.kernel.marks import MARK, environment


def test_a_server_gets_a_mark_and_a_password_of_its_own() -> None:
    """What was inherited stays, but for credentials: those are the server's own."""
    inherited = {
        "HOME": "/home/alice",
        "OCR_PORT": "8080",
        MARK: "of-another-server",
        "OPENCODE_SERVER_USERNAME": "alice",
        "OPENCODE_SERVER_PASSWORD": "of the router's environment",
    }
    assert environment(inherited, "a-1", "secret") == {
        "HOME": "/home/alice",
        "OCR_PORT": "8080",
        MARK: "a-1",
        "OPENCODE_SERVER_USERNAME": "opencode",
        "OPENCODE_SERVER_PASSWORD": "secret",
    }


def test_no_secret_of_the_router_is_handed_down() -> None:
    """Not its password, not a backend's, not OpenCode's: also where a server gets none."""
    names = ("OCR_PASSWORD", "OCR_TOKEN", "OCR_BACKEND", "OPENCODE_SERVER_PASSWORD")
    inherited = dict.fromkeys((*names, "OPENCODE_SERVER_USERNAME"), "secret")
    assert environment(inherited, "a-1", None) == {MARK: "a-1"}
    assert "secret" not in environment(inherited, "a-1", "own").values()
