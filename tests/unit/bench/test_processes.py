"""What is read of /proc."""

from __future__ import annotations

from bench.processes import cpu_ticks, family, parent, resident_bytes

STAT = "42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 110 25 9 9 20 0 1 0 99 1 1\n"


def test_cpu_is_user_and_system_time_of_the_process_without_its_children() -> None:
    """Fields 14 and 15 count, also where the name holds spaces and parentheses."""
    assert cpu_ticks(STAT) == 135


def test_a_process_that_is_gone_costs_nothing() -> None:
    """What could not be read is zero."""
    assert cpu_ticks("") == 0
    assert resident_bytes("") == 0


def test_resident_memory_is_in_bytes() -> None:
    """The kernel tells kB."""
    assert resident_bytes("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t   12 kB\n") == 12 * 1024


def test_the_parent_is_the_fourth_field() -> None:
    """The name does not shift it."""
    assert parent(STAT) == 7


def test_a_family_has_all_generations_and_no_strangers() -> None:
    """Children of children count."""
    assert sorted(family(1, {2: 1, 3: 2, 4: 9, 5: 1})) == [1, 2, 3, 5]
