"""What is told of the machine."""

from __future__ import annotations

from bench.machine import Cores, cpu_model
from bench.proxies import version_in


def test_the_model_of_the_first_cpu_is_told() -> None:
    """Not all architectures name one."""
    assert cpu_model("processor\t: 0\nmodel name\t: A B\nmodel name\t: C\n") == "A B"
    assert cpu_model("processor\t: 0\n") == "?"


def test_one_core_for_both_is_noticed() -> None:
    """The report warns of it."""
    assert not Cores("0", "0").apart
    assert Cores("1", "0").apart


def test_versions_are_found_in_what_programs_say() -> None:
    """Among paths, hashes and dates."""
    assert version_in("nginx version: nginx/1.22.1\n") == "1.22.1"
    assert version_in("envoy  version: 3b1f/1.40.0/Clean/RELEASE") == "1.40.0"
    assert version_in("go version go1.27.3 linux/amd64") == "1.27.3"
    assert version_in("nothing") == "?"
