"""Tests of the words that others rely on."""

from __future__ import annotations

from opencoderouter.doctor.finding import PROBLEMS, Finding, Mending, Status


def test_words_of_the_output() -> None:
    """The five statuses are part of the JSON; two of them make the exit code 1."""
    assert [*Status] == ["ok", "info", "warning", "error", "skipped"]
    assert {"warning", "error"} == PROBLEMS


def test_a_mending_makes_no_difference_between_findings() -> None:
    """What ``--fix`` would do is not shown: neither compared nor printed."""
    mending = Mending("do it", lambda: None, "undo it")
    plain, mended = (Finding("x", Status.ERROR, "y", fix=fix) for fix in (None, mending))
    assert plain == mended
    assert "do it" not in repr(mended)
