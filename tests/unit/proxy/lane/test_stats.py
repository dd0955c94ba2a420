"""The counts of a process: what they mean, and that they can be added up."""

from __future__ import annotations

import pickle

import pytest

from opencoderouter.proxy.lane.stats import Stats, ended, merge


def worker(word: str, slug: str, status: int, seconds: float) -> Stats:
    """Return the counts of a process that has served one project."""
    stats = Stats()
    stats.accepted, stats.connections, stats.local, stats.forwards = 5, 2, 1, 4
    stats.upstream_connects, stats.upstream_reused = 3, 7
    stats.upstream_failed, stats.upstream_retried = 1, 2
    stats.error(word)
    stats.lag.observe(seconds)
    project = stats.project(slug)
    project.answered(status, seconds)
    project.bytes_in, project.bytes_out, project.streams, project.tunnels = 10, 20, 3, 4
    return stats


@pytest.mark.parametrize(("status", "class_"), [(101, 1), (200, 2), (299, 2), (404, 4), (999, 9)])
def test_answers_are_counted_by_the_class_of_their_status(status: int, class_: int) -> None:
    """The first digit is what counts, even one that HTTP has no use for."""
    counts = Stats().project("shop")
    counts.answered(status, 0.1)
    assert [i for i, n in enumerate(counts.snapshot().classes) if n] == [class_]
    assert (sum(counts.snapshot().latency.counts), counts.snapshot().latency.total) == (1, 0.1)


def test_a_project_has_one_count() -> None:
    """The same slug gives the same object: what is added stays."""
    stats = Stats()
    stats.project("shop").bytes_out += 3
    stats.project("shop").bytes_out += 4
    assert stats.snapshot().projects["shop"].bytes_out == 7


def test_answers_can_be_asked_for() -> None:
    """How many there were is known without a snapshot; asking makes no project."""
    stats = Stats()
    stats.project("shop").answered(200, 0.1)
    stats.project("shop").answered(502, 0.1)
    assert (stats.answers("shop"), stats.answers("blog")) == (2, 0)
    assert list(stats.snapshot().projects) == ["shop"]


def test_a_snapshot_is_a_value() -> None:
    """It survives pickling, and does not change with what is counted later."""
    stats = worker("bad_gateway", "shop", 200, 0.3)
    before = stats.snapshot()
    kept = pickle.loads(pickle.dumps(before))  # noqa: S301 - our own bytes
    stats.error("bad_gateway")
    stats.project("shop").answered(200, 0.1)
    stats.project("blog")
    assert before == kept
    assert before != stats.snapshot()


def test_processes_add_up() -> None:
    """Every figure of a merge is the sum, by project and by error."""
    one, two = worker("busy", "shop", 200, 0.25), worker("gone", "shop", 502, 0.5)
    two.error("busy")
    two.project("blog").tunnels = 1
    total = merge([one.snapshot(), two.snapshot()])
    assert total[:8] == (10, 4, 2, 8, 6, 14, 2, 4)
    assert total.errors == {"busy": 2, "gone": 1}
    shop = total.projects["shop"]
    assert (shop.classes[2], shop.classes[5], sum(shop.classes)) == (1, 1, 2)
    assert shop.latency.counts == (0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
    assert total.lag.counts == (0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0)
    assert shop.latency.total == total.lag.total == 0.75
    assert shop[2:] == (20, 40, 6, 8)
    assert total.projects["blog"].tunnels == 1


def test_nothing_adds_up_to_nothing() -> None:
    """The merge of no processes is zero, and adding it changes nothing."""
    assert merge([]) == Stats().snapshot()
    one = worker("busy", "shop", 200, 0.25).snapshot()
    assert merge([merge([]), one]) == one


def test_what_a_process_counted_outlives_it() -> None:
    """Counters stay when a process has ended; nothing of it is open any more."""
    before = worker("busy", "shop", 200, 0.25).snapshot()
    after = ended(before)
    shop = after.projects["shop"]
    assert (after.connections, shop.streams, shop.tunnels) == (0, 0, 0)
    assert after._replace(connections=2, projects={}) == before._replace(projects={})
    assert shop._replace(streams=3, tunnels=4) == before.projects["shop"]
