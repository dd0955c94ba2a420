"""Tests of what is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from opencoderouter import __version__
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.report import Style, listing, masked, table, to_json

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/doctor.schema.json").read_text())
PLAIN = Style(width=80, colour=False, unicode=False)
ILL = Finding(
    "state-dir",
    Status.ERROR,
    "Other users have access",
    ("mode 755", "owner me"),
    "They could be let in as you, and nobody would know that it was not you who came.",
    ("chmod go= /a/very/long/path/that/goes/on/and/on/and/on/and/on/and/on/for/ever",),
)
WELL = Finding("port", Status.OK, "Port 8080 is free", ("not shown",), "nor this", ("nor this",))


def test_plain_table() -> None:
    """One line for what is well; all that is known of what is not, commands in one piece."""
    assert table([WELL, ILL], PLAIN).splitlines() == [
        "ok       port       Port 8080 is free",
        "error    state-dir  Other users have access",
        "    seen  mode 755",
        "    seen  owner me",
        "    why   They could be let in as you, and nobody would know that it was not",
        "          you who came.",
        f"    mend  {ILL.mend[0]}",
        "",
        "1 error",
    ]


def test_what_the_terminal_can_show() -> None:
    """Signs where there are letters for them, colours where there are colours."""
    shown = table([ILL], Style(80, colour=True, unicode=True))
    assert shown.startswith("\x1b[31;1m✗ error  \x1b[0m  state-dir  Other")
    assert "\x1b" not in table([ILL], PLAIN)
    assert table([ILL], PLAIN).isascii()


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [1, 40, 59, 60, 80, 200])
def test_width(width: int, *, unicode: bool) -> None:
    """No line is wider than the terminal but what is to be copied, nor is a word lost."""
    style = Style(width, colour=False, unicode=unicode)
    lines = table([WELL, ILL], style).splitlines()
    assert all(len(line) < max(width, 45) for line in lines if "mend" not in line)
    assert f"    mend  {ILL.mend[0]}" in lines
    text = " ".join(" ".join(lines).split())
    assert f"why {ILL.why}" in text
    assert ILL.summary in text


def test_sum() -> None:
    """The last line counts the problems."""
    warned = Finding("a", Status.WARNING, "b")
    assert table([ILL, warned, warned], PLAIN).splitlines()[-1] == "1 error, 2 warnings"
    assert table([WELL], PLAIN).splitlines()[-1] == "No problems found (1 checked)."
    skipped = Finding("c", Status.SKIPPED, "d")
    assert table([WELL, WELL, skipped], PLAIN).splitlines()[-1] == "No problems found (1 checked)."
    assert table([], PLAIN).splitlines()[-1] == "No problems found (0 checked)."


def test_text_of_others_moves_nothing() -> None:
    """What a server printed cannot move the cursor, nor break a line, anywhere; secrets go."""
    evil = "a\x1b[2Jb\nsecret"
    finding = Finding("x", Status.ERROR, evil, (evil,), evil, (evil,))
    clean = masked(finding, lambda text: text.replace("secret", "***"))
    expected = r"a\x1b[2Jb\n***"
    assert (clean.summary, clean.evidence, clean.why, clean.mend) == (
        expected,
        (expected,),
        expected,
        (expected,),
    )


def test_json_is_what_its_schema_says() -> None:
    """The schema takes the output, and nothing with a field more, less or another."""
    said = json.loads(json.dumps(to_json([WELL, ILL])))
    assert said["version"] == __version__
    assert said["checks"][1] == {
        "code": "state-dir",
        "status": "error",
        "summary": ILL.summary,
        "evidence": list(ILL.evidence),
        "why": ILL.why,
        "mend": list(ILL.mend),
    }
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert validator.is_valid(said)
    for wrong in ({"status": "bad"}, {"more": 1}, {"mend": "x"}, {"code": "Not A Code"}):
        assert not validator.is_valid({**said, "checks": [said["checks"][0] | wrong]})
    assert not validator.is_valid({"checks": []})


def test_a_problem_says_why_and_what_mends_it() -> None:
    """The schema wants it of every warning and error."""
    bare = to_json([Finding("x", Status.ERROR, "y")])
    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(json.loads(json.dumps(bare)))


def test_listing() -> None:
    """Codes and titles, one in a line."""

    async def run(_: object) -> tuple[Finding, ...]:
        return ()

    assert re.split(r"\n", listing([Check("a", "First", run), Check("bcd", "Second", run)])) == [
        "a    First",
        "bcd  Second",
    ]
