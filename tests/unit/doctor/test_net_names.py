"""Names that cannot be told, and names that were lost."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.net_names import CHECKS

[CHECK] = CHECKS


def called(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have the machine be called so."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("box", True),
        ("Box-2.example.test", True),
        ("8f3a9c1d2e4b", True),
        ("b" * 63, True),
        ("b" * 64, False),
        ("", False),
        ("localhost", False),
        ("localhost.localdomain", False),
        ("(none)", False),
        ("my_box", False),
        ("-box", False),
    ],
)
def test_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    good: bool,  # noqa: FBT001 - a column
) -> None:
    """A name is good that others can be told, and that tells this machine from others."""
    called(monkeypatch, name)
    [finding] = found(CHECK, facts(tmp_path, username="al"))
    assert finding.status is (Status.OK if good else Status.WARNING)
    assert good or finding.mend


def test_a_lost_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a running router by its list; without one by the file; the usual names are no news."""
    called(monkeypatch, "box")
    rows = [
        {"slug": "shop", "domain": "shop-al-box.local"},
        {"slug": "blog", "domain": "blog-al.local"},
    ]
    known = facts(tmp_path, username="al", answers={"/api/backends": Answered(rows)})
    [finding] = found(CHECK, known)
    assert finding.status is Status.INFO
    assert finding.evidence == ("shop-al.local: here shop-al-box.local",)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "labels.json").write_text(json.dumps({"al@box:8080": {"web": "web-al-box"}}))
    (state / "labels.json").chmod(0o600)
    [finding] = found(CHECK, facts(tmp_path, username="al"))
    assert "web" in finding.summary


def test_the_routers_owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whose the router is it says itself: without its --username no name counts as lost."""
    called(monkeypatch, "box")
    answers = {
        "/api/health": Answered({"owner": "bob"}),
        "/api/backends": Answered([{"slug": "shop", "domain": "shop-bob.local"}]),
    }
    [finding] = found(CHECK, facts(tmp_path, username="al", answers=answers))
    assert finding.status is Status.OK


@pytest.mark.parametrize(("slugs", "words"), [("a", "the name of a"), ("ab", "the names of a, b")])
def test_the_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slugs: str, words: str) -> None:
    """One name or more: it is said which."""
    called(monkeypatch, "box")
    rows = [{"slug": slug, "domain": f"{slug}-al-box.local"} for slug in slugs]
    known = facts(tmp_path, username="al", answers={"/api/backends": Answered(rows)})
    assert found(CHECK, known)[0].summary == f"Another machine has {words}"
