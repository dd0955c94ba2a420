"""What hops say of an answer."""

from __future__ import annotations

import pytest

from opencoderouter.doctor.hop import Hop, Said

WORDS = {"error": "unknown_host", "detail": "d", "hint": "h"}


def test_a_hop_fails_where_there_is_a_reason() -> None:
    """Without one, it is in order."""
    assert Hop("name", "seen").ok
    assert not Hop("name", "seen", "because").ok


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(421, WORDS), "unknown_host"),
        (Said(200, WORDS), ""),
        (Said(421, {**WORDS, "hint": None}), ""),
        (Said(404, {"error": "x"}), ""),
        (Said(404, ["x"]), ""),
        (Said(404), ""),
    ],
)
def test_a_refusal_of_a_router(said: Said, error: str) -> None:
    """It has a word, a detail and a hint, and a status that says no; nothing else is one."""
    assert said.error == error
    assert bool(said.words[1]) == bool(error)
