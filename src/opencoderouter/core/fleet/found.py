"""What a search finds on one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from opencoderouter.core.fleet.model import HostSpec
from opencoderouter.core.fleet.projects import Facts, Project
from opencoderouter.core.fleet.search import folded, in_order, score


class Hit(NamedTuple):
    """Which words (bits) a text has, and how good the match is."""

    words: int = 0
    score: int = 0


MISS = Hit()


@dataclass(frozen=True, slots=True)
class Texts:
    """What is looked at for each row of a host, folded; ``whole`` has all lines of a project."""

    host: str
    projects: tuple[str, ...]
    sessions: tuple[Mapping[str, str], ...]  # by id
    whole: tuple[str, ...]


def texts(facts: Facts) -> Texts:
    """Return the texts of a host: its names; paths of projects; titles and ids of sessions."""
    host = facts.entry.host
    paths = tuple(folded(project.ref.directory) for project in facts.projects)
    sessions = tuple(_sessions(project) for project in facts.projects)
    lines = zip(paths, sessions, strict=True)
    whole = tuple("\n".join((path, *inside.values())) for path, inside in lines)
    return Texts(folded(_names(host)), paths, sessions, whole)


def hopeless(words: tuple[str, ...], above: int, whole: str) -> bool:
    """Tell at little cost that one of the words is nowhere: not ``above``, not in these lines."""
    return any(
        not above >> place & 1 and not in_order(word).search(whole)
        for place, word in enumerate(words)
    )


def _names(host: HostSpec) -> str:
    return f"{host.label} {host.alias}" if host.label else host.alias


def _sessions(project: Project) -> dict[str, str]:
    return {
        known.ref.id: folded(f"{known.session.title} {known.ref.id}") for known in project.sessions
    }


def hit(words: tuple[str, ...], text: str) -> Hit:
    """Return what a text has of the words."""
    bits = total = 0
    for place, word in enumerate(words):
        if points := score(word, text):
            bits |= 1 << place
            total += points
    return Hit(bits, total) if bits else MISS


def every(words: tuple[str, ...]) -> int:
    """Return the bits of all words."""
    return (1 << len(words)) - 1


def scores(words: tuple[str, ...], lines: Iterable[str], above: int) -> list[int]:
    """Return how well each line matches that has a word itself, and with ``above`` all; else 0."""
    if len(words) == 1:  # the usual case, over thousands of lines for each key
        return [score(words[0], line) for line in lines]
    wanted = every(words)
    found = (hit(words, line) for line in lines)
    return [one.score if one.words and one.words | above == wanted else 0 for one in found]
