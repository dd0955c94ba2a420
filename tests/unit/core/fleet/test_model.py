"""What there is on hosts."""

from __future__ import annotations

from opencoderouter.core.fleet.model import Endpoint, HostSpec, HostState, Report, Resolved


def test_name() -> None:
    """The label, where there is one."""
    assert [HostSpec("a").name, HostSpec("a", label="Box").name] == ["a", "Box"]


def test_first() -> None:
    """The first value of an option; a default where there is none."""
    resolved = Resolved("a", "h", "u", 22, options={"identityfile": ("one", "two")})
    assert [resolved.first("identityfile"), resolved.first("port", "22")] == ["one", "22"]


def test_reached() -> None:
    """A host without OpenCode was reached."""
    states = [state for state in HostState if Report(state, 0.0).reached]
    assert states == [HostState.ONLINE, HostState.NO_OPENCODE]


def test_secrets_are_not_shown() -> None:
    """No representation has a password."""
    assert "secret" not in repr(Endpoint(1, authorization="Basic secret"))
