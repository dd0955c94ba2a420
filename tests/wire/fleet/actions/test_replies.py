"""Tests of answers to what waits for a person."""

from __future__ import annotations

import pytest
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.model import Ask, Endpoint, Live, Question
from opencoderouter.fleet.actions import replies, serving

PERMISSION = Ask(Live.PERMISSION, "per_1", "ses_1", "bash: ls", endpoint=Endpoint(1))
QUESTION = Ask(Live.QUESTION, "que_1", "ses_1", "Which?", (Question("Which?"),))


async def test_permission(box: Box) -> None:
    """A permission is answered once, at the server that has asked."""
    directory = str(box.project("app"))
    await serving.start(box.site, str(box.project("other")))
    await serving.start(box.site, directory)
    done = await replies.reply(box.site, PERMISSION, (("always",),), directory)
    assert done == Done("box: always", "ses_1")
    assert box.replies == [["/permission/per_1/reply", {"reply": "always"}]]


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ((("red", "own $(words)"),), ["reply", {"answers": [["red", "own $(words)"]]}]),
        ((), ["reject", {}]),
    ],
)
async def test_question(box: Box, answers: replies.Answers, sent: list[object]) -> None:
    """A question gets what was chosen or written, or is rejected."""
    directory = str(box.project("app"))
    await serving.start(box.site, directory)
    assert isinstance(await replies.reply(box.site, QUESTION, answers, directory), Done)
    assert box.replies == [[f"/question/que_1/{sent[0]}", sent[1]]]


async def test_answered_meanwhile(box: Box) -> None:
    """What nobody waits for any more is told."""
    directory = str(box.project("app"))
    await serving.start(box.site, directory)
    await replies.reply(box.site, PERMISSION, (("once",),), directory)
    failed = await replies.reply(box.site, PERMISSION, (("once",),), directory)
    assert failed == Failed("box: nobody waits for this answer any more")
    assert len(box.replies) == 1


NONSENSE: tuple[tuple[Ask, replies.Answers], ...] = (
    (PERMISSION, ()),
    (PERMISSION, (("maybe",),)),
    (PERMISSION, (("once",), ("once",))),
    (QUESTION, (("a",), ("b",))),
    (Ask(Live.BUSY, "per_1", "ses_1", ""), (("once",),)),
    (Ask(Live.PERMISSION, "per_1/../x", "ses_1", ""), (("once",),)),
    (Ask(Live.PERMISSION, "", "ses_1", ""), (("once",),)),
)


async def test_no_answers(box: Box) -> None:
    """What cannot be the answer is not sent."""
    for ask, answers in NONSENSE:
        assert isinstance(await replies.reply(box.site, ask, answers, "/"), Failed)
    assert box.line.sent == []
