"""The fleet without a screen."""

from __future__ import annotations

import json

import pytest
from tests.unit.cli.conftest import BARE, CART, NOW, Ocr, entry, fleet, web1

from opencoderouter.cli import remote_text
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import Failure, HostState, Report
from opencoderouter.watch import Watch


def test_ls_is_the_tree(ocr: Ocr) -> None:
    """Hosts, projects, sessions; who is not reached is told on stderr, and by the exit code."""
    shown = (
        "● web1  online  1.18.33\n"
        "  /srv/shop\n"
        "    🟡 ses_aaa1  waiting  1m  Fix the cart\n"
        "    🔴 ses_aab2  errored  1d  Old\\x1b[31m work\n"
        "● web3  online  1.0\n"
        "  /home/me/wall\n"
        "    🟡 ses_bbb1  waiting  5s  Paint\n"
        "○ web2  unreachable  Connection refused\n"
    )
    assert ocr("ls") == (3, shown, "ocr: web2: Connection refused\n")


def test_hosts_is_a_table_with_what_mends(ocr: Ocr) -> None:
    """States are what is asked for: a host that is not reached is no failure."""
    code, out, err = ocr("hosts")
    assert (code, err) == (0, "")
    assert "web1  production  online       fabric  1.18.33   2 (1 waiting)\n" in out
    assert "web2  -           unreachable  -       -         -              Connection" in out
    assert out.endswith("\nweb2:\n    ssh -v web2\n")


def test_hosts_as_json(ocr: Ocr) -> None:
    """An array of objects with alias, group, state and reason."""
    code, out, err = ocr("hosts", "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert [(r["alias"], r["group"], r["state"], r["reason"]) for r in rows] == [
        ("web1", "production", "online", ""),
        ("web3", "", "online", ""),
        ("web2", "", "unreachable", "Connection refused"),
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), ["ses_bbb1", "ses_aaa1", "ses_aab2"]),
        (("--archived",), ["ses_bbb1", "ses_aaa1", "ses_aab2", "ses_zzz9"]),
        (("--state", "archived"), ["ses_zzz9"]),
        (("--state", "waiting", "--state", "idle"), ["ses_bbb1", "ses_aaa1"]),
        (("web3",), ["ses_bbb1"]),
        (("w*1", "x"), ["ses_aaa1", "ses_aab2"]),
        (("--project", "shop", "--state", "errored"), ["ses_aab2"]),
        (("--project", "/nowhere"), []),
    ],
)
def test_sessions_can_be_chosen(ocr: Ocr, options: tuple[str, ...], ids: list[str]) -> None:
    """By state, host and project; archived ones only when they are asked for."""
    code, out, _ = ocr("sessions", "--json", *options)
    assert [row["id"] for row in json.loads(out)] == ids
    assert code == (0 if "web3" in options or "x" in options else 3)  # others are not missed


@pytest.mark.parametrize("command", ["ls", "hosts", "sessions", "attention", "hosts --json"])
def test_only_hosts_that_are_named_are_asked(ocr: Ocr, command: str) -> None:
    """By alias or by pattern, each once; the others are not missed either."""
    code, out, err = ocr(*command.split(), "web1", "[a-w]eb3", "web1")
    assert ocr.opened.opened[0][1] == ("web1", "[a-w]eb3")
    assert (code, err) == (0, "")
    assert "web1" in out
    assert "web3" in out
    assert "web2" not in out


@pytest.mark.parametrize("command", ["ls", "hosts", "sessions", "attention", "hosts --watch"])
def test_hosts_that_are_none(ocr: Ocr, command: str) -> None:
    """A pattern that nothing matches is a mistake, and so is what can be no host."""
    assert ocr(*command.split(), "db*") == (2, "", "ocr: db*: there is no such host\n")
    assert ocr(*command.split(), "web1", "a;b")[0] == 2
    assert len(ocr.opened.opened) == 1


def test_sessions_is_a_table(ocr: Ocr) -> None:
    """Text of others moves no cursor."""
    _, out, _ = ocr("sessions", "web1", "--project", "/srv/shop")
    assert out.splitlines()[0].split() == "HOST SESSION STATUS AGE TITLE DIRECTORY".split()
    assert "web1  ses_aab2  errored  1d   Old\\x1b[31m work  /srv/shop" in out


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("name", ["ses_aaa1", "ses_aab2", "ses_bbb1"]),
        ("host", ["ses_aaa1", "ses_aab2", "ses_bbb1"]),
    ],
)
def test_sessions_have_the_order_that_is_preferred(
    ocr: Ocr, tmp_path: object, order: str, ids: list[str]
) -> None:
    """``sessions.sort_by`` holds here, too."""
    config = f"{tmp_path}/c.yaml"
    with open(config, "w") as file:  # noqa: PTH123 - a file of the test
        file.write(f"sessions: {{sort_by: {order}}}")
    _, out, _ = ocr("--config", config, "sessions", "--json")
    assert [row["id"] for row in json.loads(out)] == ids


def test_attention_is_what_waits_then_what_failed(ocr: Ocr) -> None:
    """Oldest first; as JSON and as a table."""
    _, out, _ = ocr("attention", "--json")
    rows = [(row["need"], row["session"]) for row in json.loads(out)]
    assert rows == [("permission", "ses_aaa1"), ("question", "ses_bbb1"), ("failed", "ses_aab2")]
    _, out, _ = ocr("attention", "web3")
    assert "web3  question  5s   ses_bbb1  Paint  Which colour?" in out


@pytest.mark.parametrize("command", ["ls", "hosts", "sessions", "attention"])
def test_nothing_to_show_is_said_on_stderr(ocr: Ocr, command: str) -> None:
    """Stdout stays empty."""
    ocr.opened.fleet = Watch(Fleet())
    code, out, err = ocr(command)
    assert (code, out) == (0, "")
    assert err.startswith("ocr: ")


def test_problems_of_ssh_are_told(ocr: Ocr) -> None:
    """What is wrong with its configuration is on stderr."""
    ocr.opened.fleet = Watch(Fleet(problems=("~/.ssh/config: line 3: bad",)))
    assert "ocr: ~/.ssh/config: line 3: bad\n" in ocr("hosts", "--json")[2]


@pytest.mark.parametrize("command", ["ls", "sessions", "attention"])
def test_sessions_that_could_not_be_read_are_missed(ocr: Ocr, command: str) -> None:
    """They are told of on stderr, by host; the exit code says that not all is there."""
    failures = (Failure("sessions", "it took too long\x1b"), Failure("live", "late"))
    bare = entry("bare", Report(HostState.ONLINE, NOW, failures=failures))
    ocr.opened.fleet = Watch(fleet(web1(CART), bare))
    code, out, err = ocr(command)
    told = "ocr: bare: sessions could not be read: it took too long\\x1b\n"
    assert (code, err) == (3, told)
    assert "ses_aaa1" in out
    assert ocr("hosts")[0] == 0


def test_a_part_that_failed_is_shown(ocr: Ocr) -> None:
    """With the host, which is reached all the same."""
    ocr.opened.fleet = Watch(fleet(BARE))
    assert ocr("ls") == (0, "◌ bare  no_opencode\n  live: late\n", "")


def test_colours_are_for_terminals() -> None:
    """And signs are ASCII where there is nothing else."""
    from opencoderouter.core.fleet.preferences import Preferences

    style = remote_text.Style(80, colour=True, unicode=False)
    text = remote_text.tree(fleet(BARE), Preferences(), NOW, style)
    assert text.startswith("\x1b[2m-\x1b[0m bare")
