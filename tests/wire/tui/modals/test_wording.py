"""The questions before something is changed."""

from __future__ import annotations

import pytest
from tests.rig.desk import EVIL, seat

from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals import wording
from opencoderouter.tui.modals.choose import Choose

QUESTIONS = {
    "kill": wording.kill("prod", "A title", busy=True),
    "archive": wording.archive_all([("prod", "A title"), ("dev", "Another")]),
    "delete": wording.delete("prod", "A title", "ses_1"),
    "restart": wording.restart("prod", "/srv/app"),
    "start": wording.start("prod", "/srv/app"),
}
EVILS = (
    wording.kill(EVIL, EVIL, busy=True),
    wording.archive_all([(EVIL, EVIL)]),
    wording.delete(EVIL, EVIL, EVIL),
    wording.restart(EVIL, EVIL),
    wording.start(EVIL, EVIL),
)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_first_answer_changes_nothing(question: Choose) -> None:
    """Enter at once leaves everything as it is."""
    assert question.choices[0].key == wording.NO


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kill", ("A title", "prod", "at work now", "Abort", "stays", "no way back")),
        ("archive", ("2 sessions", "A title", "Another", "dev", "no way back")),
        ("delete", ("A title", "ses_1", "prod", "exported", "first", "it is kept", "gone")),
        ("restart", ("/srv/app", "prod", "stops", "sessions stay")),
        ("start", ("/srv/app", "prod")),
    ],
)
def test_what_happens_to_what(name: str, words: tuple[str, ...]) -> None:
    """Each question names its target, and what every answer brings about."""
    question = QUESTIONS[name]
    text = " ".join([question.text, *(f"{one.label} {one.effect}" for one in question.choices)])
    assert [word for word in words if word not in text] == []


def test_an_idle_session() -> None:
    """It is said when there is nothing to be stopped."""
    assert "does nothing" in wording.kill("prod", "A title", busy=False).text


async def test_text_of_others() -> None:
    """Names of others stay on their line, whatever is in them."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=(140, 40)) as at:
        for question in EVILS:
            await at.show(question)
            assert at.harmless
            assert not any(line.strip(" |").startswith("line ") for line in at.text.splitlines())
            await at.press("escape")
