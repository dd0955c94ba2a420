"""What is wrong in a file, line by line, and what is used all the same."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet import preferences as core
from opencoderouter.preferences.check import check

WRONG = [
    ("pollng: {}", "1:1: pollng: there is no such option; did you mean polling?"),
    ("polling: {intervall: 30s}", "1:11: polling.intervall: there is no such option; did you mean"),
    ("polling: {Max-Parallel: 3}", "1:11: polling.Max-Parallel: there is no such option; did you"),
    ("interval: 3", "1:1: interval: there is no such option; it belongs below polling"),
    ("cache: {x: 3}", "1:9: cache.x: there is no such option; there are ttl, persist"),
    ("polling: {zzz: }", "1:11: polling.zzz: there is no such option; there are interval, timeo"),
    ("polling: {interval: 0}", "1:21: polling.interval: 0: must be 1s to 31d"),
    ("polling: {interval: -5s}", "1:21: polling.interval: -5s: must be 1s to 31d"),
    ("polling: {interval: [1]}", "1:21: polling.interval: must be 1s to 31d"),
    ("polling: {timeout: 99999h}", "1:20: polling.timeout: 99999h: must be 100ms to 1h"),
    ("polling: {jitter: nan}", "1:19: polling.jitter: nan: must be 0s to 31d"),
    ("polling: {max_parallel: many}", "1:25: polling.max_parallel: many: must be 1 to 1000"),
    ("polling: 5", "1:10: polling: 5: must be options by their names"),
    ("display: {theme: nightop}", "must be auto, nightops, light"),
    ("display: {theme: nightop}", "; did you mean nightops?"),
    ("display: {unicode: perhaps}", "1:20: display.unicode: perhaps: must be true or false"),
    (
        "display:\n  idle_threshold: 1m",
        "2:19: display.idle_threshold: active_threshold (10m) must not be longer than idle_thres",
    ),
    ("hosts: {include: []}", "1:18: hosts.include: must be a list of patterns"),
    ("hosts: {ignore: [a, -x]}", "1:21: hosts.ignore[2]: -x: must be a list of patterns"),
    ("hosts: {groups: {a: {b: c}}}", "1:21: hosts.groups.a: must be a list of patterns"),
    ("hosts: {overrides: {-x: {}}}", "1:21: hosts.overrides.-x: a name cannot begin with -"),
    ("hosts: {overrides: {a.b: {x: 1}}}", "1:27: hosts.overrides.a.b.x: there is no such option"),
    ("hosts: {overrides: {a: {priority: x}}}", "1:35: hosts.overrides.a.priority: x: must be a wh"),
    ("hosts: {overrides: {a: {opencode_path: -x}}}", "1:40: hosts.overrides.a.opencode_path: -x"),
    ('hosts: {overrides: {a: {label: "a\\nb"}}}', "1:32: hosts.overrides.a.label: a\\nb: must be"),
    ("ssh: {transport: telnet}", "1:18: ssh.transport: telnet: must be auto, fabric or openssh"),
    ("ssh: {control_master: maybe}", "must be auto, yes or no"),
    ("sessions: {sort_by: size}", "must be last_activity, name or host"),
    ("sessions: {scan_paths: [rel]}", "1:25: sessions.scan_paths[1]: rel: must be a list of dir"),
    ("keybindings: {quit: ctrl+foo}", "1:21: keybindings.quit: ctrl+foo: must be a key such as"),
    ("keybindings: {quit: [q, esc]}", "1:25: keybindings.quit[2]: esc: must be a key"),
    ("keybindings: {quit: ctrl+c}", "1:21: keybindings.quit: ctrl+c: must be a key"),
    ("keybindings: {helpp: x}", "1:15: keybindings.helpp: there is no such option; did you mean h"),
    ("keybindings: {attach: d}", "1:23: keybindings.attach: `d` is the key of kill_session, too"),
    ("keybindings: {sort: /}", "1:21: keybindings.sort: `/` is the key of search, too"),
    ("keybindings: {sort: [x, x]}", "keybindings.sort: `x` is the key of sort, too"),
    ("a: [1", "f:1:6: this is no YAML"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str, words: str) -> None:
    """File, line, column, what is wrong, and what would be right."""
    reading = check(text, "f")
    assert len(reading.problems) == 1
    assert words in str(reading.problems[0])
    assert str(reading.problems[0]).startswith("f:")


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_cannot_be_used_is_as_by_default(text: str, words: str) -> None:
    """The broken part has its default, as if it were not there."""
    del words
    if text != "hosts: {overrides: {a.b: {x: 1}}}":
        names = {name for name, _ in check(text, "f").preferences.hosts.overrides.items()}
        assert names <= {"a"}
    plain = check(text, "f").preferences
    assert (plain.polling, plain.display) == (core.Polling(), core.Display())
    assert plain.keybindings == dict(core.KEYS) | {"quit": ("q",)}


def test_all_problems_are_told_at_once_and_the_rest_is_used() -> None:
    """One broken line costs nothing but itself; problems come in the order of the file."""
    reading = check(
        "polling:\n  intervall: 1\n  timeout: 5s\n  jitter: x\n  interval: 45\n"
        "hosts:\n  ignore: [a, {b: c}, -x, d]\nkeybindings: {quit: [x, esc], bad: y}\n",
        "f",
    )
    lines = [problem.place.line for problem in reading.problems if problem.place]
    assert lines == [2, 4, 7, 7, 8, 8]
    assert reading.preferences.polling == core.Polling(interval=45, timeout=5)
    assert reading.preferences.hosts.ignore == ("a", "d")
    assert reading.preferences.keybindings["quit"] == ("x",)


def test_values_as_people_write_them() -> None:
    """Durations with and without units, one for a list, any case of yes and no."""
    reading = check(
        "polling: {interval: 1m30s, timeout: 2.5, jitter: 0}\n"
        "display: {unicode: No, animation: off, theme: dracula, active_threshold: 1h}\n"
        "hosts: {include: web-*, ignore: [], local: false}\n"
        "ssh: {control_master: no, control_persist: 10m, transport: openssh}\n"
        "sessions: {sort_by: name, max_display: 5, scan_paths: [~, /srv]}\n",
        "f",
    )
    plain = reading.preferences
    assert reading.problems == ()
    assert plain.polling == core.Polling(interval=90, timeout=2.5, jitter=0)
    assert (plain.display.unicode, plain.display.animation) == (False, False)
    assert plain.hosts.include == ("web-*",)
    assert plain.hosts.ignore == ()
    assert not plain.hosts.local
    assert (plain.ssh.control_master, plain.ssh.control_persist) == ("no", 600)
    assert plain.sessions == core.Sessions(
        core.SortBy.NAME, max_display=5, scan_paths=("~", "/srv")
    )


def test_names_keep_their_case_and_their_dots() -> None:
    """Hosts and groups are called as they are written."""
    plain = check(
        "hosts:\n  groups: {My Group: [MyHost, no, 8]}\n"
        "  overrides:\n    MyHost: {label: 'A: b'}\n    srv.example.com: {priority: -3}\n",
        "f",
    ).preferences
    assert plain.hosts.groups == {"My Group": ("MyHost", "no", "8")}
    assert plain.hosts.overrides["MyHost"].label == "A: b"
    assert plain.hosts.overrides["srv.example.com"].priority == -3


def test_the_file_of_the_original_program_is_right() -> None:
    """All that it had is accepted; what is not needed has a note."""
    reading = check(
        "polling: {interval: 30s, timeout: 10s, jitter: 5s, max_parallel: 10}\n"
        "cache: {ttl: 60s, persist: false}\n"
        "display: {theme: auto, unicode: true, animation: true, active_threshold: 10m,"
        " idle_threshold: 24h}\n"
        'hosts: {include: ["*"], ignore: ["backup-*"], groups: {production: ["prod-*"]},'
        " overrides: {my-server: {label: Main, priority: 1, opencode_path: /o, scan_paths: [~/w]}}}"
        "\nssh: {control_master: auto, control_persist: 60, control_path: ~/.ssh/ocr-%n-%C,"
        " batch_mode: true, connect_timeout: 10}\n"
        "sessions: {sort_by: last_activity, show_archived: false, max_display: 50,"
        " enrich_from_db: true, scan_paths: [~]}\n"
        'keybindings: {attach: enter, detach: "ctrl+]", search: /, reload_sessions: ctrl+r}\n',
        "f",
    )
    assert reading.problems == ()
    assert [str(note) for note in reading.notes] == [
        "f:7:30: keybindings.detach: not needed: a session ends with its own program's keys"
    ]
    assert not reading.preferences.cache.persist


@pytest.mark.parametrize("text", ["hosts:", "polling:\n  interval:\n", "hosts: {overrides: {a: }}"])
def test_a_name_without_a_value_is_as_by_default(text: str) -> None:
    """What has been left empty says nothing."""
    assert check(text, "f") == check("", "f")


def test_keys_can_be_exchanged_shared_out_and_taken_away() -> None:
    """What counts is that no key has two actions in the end."""
    reading = check("keybindings: {attach: d, kill_session: enter, help: [], search: [/, f3]}", "f")
    keys = reading.preferences.keybindings
    assert reading.problems == ()
    assert (keys["attach"], keys["kill_session"], keys["help"]) == (("d",), ("enter",), ())
    assert keys["search"] == ("slash", "f3")


def test_two_actions_that_the_file_gives_one_key() -> None:
    """Both are named, and the second has its default."""
    reading = check("keybindings:\n  sort: x\n  filter: x\n", "f")
    (problem,) = reading.problems
    assert {"sort", "filter"} <= set(
        str(problem).replace(",", "").replace(".", " ").replace(":", " ").split()
    )
    given = reading.preferences.keybindings
    assert sorted([given["sort"], given["filter"]]) in ([("f",), ("x",)], [("s",), ("x",)])


words = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just("30s"))
names = st.sampled_from(
    "polling hosts keybindings display interval include groups overrides quit priority x".split()
)
trees = st.recursive(
    words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
)


@given(st.dictionaries(names, trees, max_size=5))
def test_no_file_is_too_odd(tree: dict[str, object]) -> None:
    """Whatever YAML says: there are preferences, and a line for each thing that is wrong."""
    reading = check(yaml.safe_dump(tree), "f")
    assert isinstance(reading.preferences, core.Preferences)
    again = check(yaml.safe_dump(tree), "f")
    assert reading == again


@given(st.text(max_size=200))
def test_no_text_is_too_odd(text: str) -> None:
    """What is no YAML is a problem, not an error of the program."""
    assert isinstance(check(text, "f").preferences, core.Preferences)
