"""What is done to sessions."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.cli.conftest import CART as CART_SEEN
from tests.unit.cli.conftest import COLOUR, PERMISSION, QUESTION, Ocr, fleet, web1

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.model import SessionRef
from opencoderouter.watch import Watch

CART = SessionRef("web1", "ses_aaa1", "/srv/shop")
OLD = SessionRef("web1", "ses_aab2", "/srv/shop")
LINES = "\n" * 20
PAINT = SessionRef("web3", "ses_bbb1", "/home/me/wall")


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (("abort", "ses_aaa1"), ("abort", CART)),
        (("abort", "bb"), ("abort", PAINT)),
        (("abort", "web1:/srv/shop"), ("abort", CART)),
        (("archive", "--yes", "ses_aaa"), ("archive", CART)),
        (("delete", "web1:ses_aaa", "--yes"), ("delete", CART)),
    ],
)
def test_what_is_asked(ocr: Ocr, command: tuple[str, ...], call: tuple[object, ...]) -> None:
    """The session that is meant is what the fleet is asked about; what was done is told."""
    code, _, err = ocr(*command)
    assert (code, ocr.calls) == (0, [call])
    assert f"ocr: {call[0]}: done\n" in err


def test_several_at_once(ocr: Ocr) -> None:
    """One after another, each once; one that fails does not keep the others."""
    ocr.opened.control.answers["abort"] = Failed("web1: no\x1b", "line 1\nline 2", ("do this",))
    code, out, err = ocr("abort", "ses_aaa1", "aaa", "ses_aab2")
    assert (code, out) == (1, "")
    assert ocr.calls == [("abort", CART), ("abort", OLD)]
    assert err == "ocr: web1: no\\x1b\n  line 1\n  line 2\n  mend: do this\n" * 2


def test_only_the_host_that_is_named_is_asked(ocr: Ocr) -> None:
    """Else all of them."""
    ocr("abort", "web1:ses_aaa1", "web3:ses_bbb1")
    ocr("abort", "web1:ses_aaa1", "ses_bbb1")
    assert [given for _, given, _ in ocr.opened.opened] == [("web1", "web3"), ()]


def test_what_may_be_several_is_none(ocr: Ocr) -> None:
    """Those that it may be are listed, and nothing is done to any."""
    code, out, err = ocr("abort", "ses_aa", "ses_bbb1")
    assert (code, out, ocr.calls) == (1, "", [])
    assert err == (
        "ocr: ses_aa: this may be one of 2 sessions\n"
        "  web1:ses_aaa1  Fix the cart\n"
        "  web1:ses_aab2  Old\\x1b[31m work\n"
    )


def test_what_is_not_there_may_be_where_nobody_was_reached(ocr: Ocr) -> None:
    """Exit code 3 says so."""
    code, _, err = ocr("abort", "nothing")
    assert (code, ocr.calls) == (3, [])
    assert err == "ocr: nothing: there is no such session\nocr: web2: Connection refused\n"


@pytest.mark.parametrize("command", ["archive", "delete"])
def test_nobody_to_ask_is_no_yes(ocr: Ocr, command: str) -> None:
    """Without a terminal and without --yes nothing is done."""
    code, _, err = ocr(command, "ses_aaa1")
    assert (code, err, ocr.calls) == (2, "ocr: nobody can be asked, nothing is done (--yes)\n", [])


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("", 130)])
def test_a_person_is_asked_what_is_to_be_done(
    ocr: Ocr, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    """With the titles; no, and no answer, mean no."""
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    ended, _, err = ocr("archive", "ses_aaa1")
    assert ended == code
    assert "  web1:ses_aaa1  Fix the cart\nArchive these? OpenCode has no way back." in err
    assert len(ocr.calls) == (code == 0)


def test_the_file_of_an_export_is_data(ocr: Ocr, tmp_path: Path) -> None:
    """Stdout has it; the directory can be chosen."""
    code, out, _ = ocr("delete", "ses_aaa1", "--yes", "--export", str(tmp_path))
    assert (code, out) == (0, "/home/me/ses.json\n")
    assert ocr.opened.opened[0][2] == tmp_path


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (("ses_aaa1", "once"), ("web1", PERMISSION, (("once",),))),
        (("web1", "reject"), ("web1", PERMISSION, (("reject",),))),
        (("web3", "2"), ("web3", QUESTION, (("Blue",),))),
        (("web3", "reject"), ("web3", QUESTION, ())),
        (("web3:ses_bbb1", "green"), ("web3", QUESTION, (("green",),))),
    ],
)
def test_replies(ocr: Ocr, command: tuple[str, ...], call: tuple[object, ...]) -> None:
    """To a session, or to the only one of a host that asks."""
    assert ocr("reply", *command)[0] == 0
    assert ocr.calls == [("reply", *call)]


@pytest.mark.parametrize("mark", ["OCR_SERVER_ID", "OPENCODE"])
def test_agents_do_not_reply(ocr: Ocr, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    """What an agent runs cannot allow by one command what the agent asks for."""
    monkeypatch.setenv(mark, "1")
    code, _, err = ocr("reply", "ses_aaa1", "once")
    assert (code, ocr.calls) == (1, [])
    assert err == "ocr: an agent's tool does not answer for a person; use a terminal of your own\n"


def test_what_is_allowed_is_told_in_full(ocr: Ocr) -> None:
    """All of it, on one line each, before it is sent: no list has more than its beginning."""
    evil = f"bash: ls{LINES}{' ' * 3000}{'x' * 500}; rm -rf ~"
    seen = replace(CART_SEEN, asks=(replace(PERMISSION, text=evil),))
    ocr.opened.fleet = Watch(fleet(web1(seen)))
    _, out, err = ocr("reply", "ses_aaa1", "always")
    ends = r"\n" * 20
    lines = f"    bash: ls{ends} [3000 blanks] {'x' * 500}; rm -rf ~\n    always: rm *\n"
    assert (out, err.startswith(f"  always:\n{lines}")) == ("", True)
    seen = replace(seen, asks=(*seen.asks, replace(PERMISSION, id="per_2")))
    ocr.opened.fleet = Watch(fleet(web1(seen)))
    assert lines in ocr("reply", "ses_aaa1", "once")[2]
    assert len(ocr.calls) == 1


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("web1", "perhaps"), 2, "bash: rm -rf dist: a permission takes once, always or reject"),
        (("ses_aab2", "once"), 3, "ses_aab2: nothing waits"),
        (("nowhere", "once"), 3, "nowhere: nothing waits"),
    ],
)
def test_what_cannot_be_replied(ocr: Ocr, command: tuple[str, ...], code: int, words: str) -> None:
    """Nothing is sent."""
    ended, _, err = ocr("reply", *command)
    assert (ended, ocr.calls) == (code, [])
    assert words in err


def test_the_browser_gets_the_address(ocr: Ocr, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is printed and opened, and stays until Ctrl+C."""
    import os
    import signal

    def launch(url: str) -> None:
        ocr.launched.append(url)
        os.kill(os.getpid(), signal.SIGINT)

    from opencoderouter.cli import remote_app
    from opencoderouter.cli.remote_options import Start

    del monkeypatch
    start = Start(open=ocr.opened.open, launch=launch, clock=lambda: 0.0)
    assert remote_app.run(["open", "ses_bbb1"], start) == 0
    out, err = ocr.capture.readouterr()
    assert (out, ocr.launched) == ("http://127.0.0.1:4096/\n", ["http://127.0.0.1:4096/"])
    assert "until Ctrl+C" in err
    assert ocr.calls == [("browse", PAINT)]
    assert COLOUR.id == PAINT.id


def test_what_cannot_be_opened(ocr: Ocr) -> None:
    """It is told why."""
    ocr.opened.control.answers["browse"] = Failed("the host forwards nothing")
    assert ocr("open", "ses_bbb1") == (1, "", "ocr: the host forwards nothing\n")


def test_a_value_is_told_without_escapes(ocr: Ocr) -> None:
    """What a host has made up moves no cursor."""
    ocr.opened.control.answers["delete"] = Done("gone\x1b", "/a/\x1b")
    assert ocr("delete", "ses_aaa1", "--yes")[1:] == ("/a/\\x1b\n", "ocr: gone\\x1b\n")


@pytest.mark.parametrize("word", ["/srv", "a b", "ses_1;id", "web1:"])
def test_what_can_be_no_session(ocr: Ocr, word: str) -> None:
    """It is refused before anybody is asked."""
    code, _, err = ocr("abort", word)
    assert (code, ocr.opened.opened) == (2, [])
    assert err == f"ocr: {word}: must be a session, HOST:SESSION or HOST:DIRECTORY\n"
