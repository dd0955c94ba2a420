"""Slugs: the rule as a table, names and leases as properties."""

from __future__ import annotations

import os
from itertools import islice
from random import Random

import pytest
from anyascii import anyascii
from hypothesis import assume, given
from hypothesis import strategies as st

from opencoderouter.core.slug import LABEL, RESERVED, assign, candidates, is_slug, slugify

FOLDERS = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20)
FEW = st.sampled_from(
    ["api", "App", "app", "a½b", "проект", "\udcff", "\ud800", "---", "x" * 70, "www"]
)
PATHS = st.lists(FOLDERS | FEW, max_size=5).map(lambda parts: "/" + "/".join(parts))
SETS = st.sets(PATHS, max_size=12)
LIMITS = st.integers(6, LABEL)


def first(directory: str, number: int, limit: int = LABEL) -> list[str]:
    """Return the first candidates of a directory."""
    return list(islice(candidates(directory, limit=limit, ascii_=anyascii), number))


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/home/alice/my-project", "my-project"),
        ("/home/alice/MyProject", "myproject"),
        ("/home/alice/My Awesome Project", "my-awesome-project"),
        ("/srv/project.v2", "project-v2"),
        ("/srv/my_project_name", "my-project-name"),
        ("/srv/proj@#$%ect!", "proj-ect"),
        ("/srv/---project---", "project"),
        ("/srv/my--project", "my-project"),
        ("/srv/Hello World v2.1!", "hello-world-v2-1"),
        ("/srv/2024", "2024"),
        ("/srv/проект", "default"),
        ("/srv/!!!", "default"),
        ("/srv/project/", "project"),
        ("/srv/project///", "project"),
        ("project", "project"),
        ("/", "default"),
        (".", "default"),
        ("/srv/..", "default"),
        ("", "default"),
        (r"C:\Users\alice\my-project", "c-users-alice-my-project"),
        ("/srv/Kelvin \N{KELVIN SIGN}", "kelvin-k"),
        ("/srv/caf\udce9", "caf"),
    ],
)
def test_slugify(path: str, slug: str) -> None:
    """The last folder, lower case, everything but letters, digits and hyphens collapsed."""
    assert slugify(path) == slug


@given(st.text(st.characters()))
def test_slugify_is_total(path: str) -> None:
    """Any text has a slug, and a slug is its own slug."""
    slug = slugify(path)
    assert slugify(slug) == slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", True),
        ("a-1", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("", False),
        ("-a", False),
        ("a-", False),
        ("a--b", False),
        ("A", False),
        ("a\n", False),
        ("a.b", False),
        ("é", False),
        ("api", False),
    ],
)
def test_is_slug(text: str, expected: bool) -> None:  # noqa: FBT001 (a column of the table)
    """A slug is lower case words joined by hyphens, fits a label, and is not reserved."""
    assert is_slug(text) is expected


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/home/al/web/app", ["app", "web-app", "al-web-app", "home-al-web-app"]),
        ("/srv/api", ["srv-api"]),
        ("/srv/проект", ["proekt", "srv-proekt"]),
        ("/srv/日本語", ["ribenyu", "srv-ribenyu"]),
        ("/srv/a½b", ["a1-2b", "srv-a1-2b"]),
        ("/srv/мой/app", ["app", "moy-app", "srv-moy-app"]),
        ("/srv/caf\udce9", ["caf", "srv-caf"]),
        ("/", ["default"]),
        ("/api", []),
        ("/srv/" + "x" * 70, []),
    ],
)
def test_candidates(directory: str, expected: list[str]) -> None:
    """The name, then the name with its parents, as readable as ASCII allows; then digests."""
    found = first(directory, len(expected) + 2)
    assert found[: len(expected)] == expected
    stem = (expected or [slugify(directory)[:56]])[0].removeprefix("srv-")
    assert all(name.startswith(f"{stem}-") for name in found[len(expected) :])


@pytest.mark.parametrize(
    ("directory", "digests"),
    [
        ("/api", ["api-702acf", "api-201719"]),
        ("/srv/\ud800", ["default-75df1f"]),  # no program makes such a path, but JSON can say it
    ],
)
def test_digest_is_stable(directory: str, digests: list[str]) -> None:
    """The digest is the directory's alone, the same in every process and release."""
    found = [name for name in first(directory, 4) if len(name.rpartition("-")[2]) == 6]
    assert found[: len(digests)] == digests


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(6, "1a4d05"), (7, "1a4d05"), (8, "l-1a4d05"), (12, "long-1a4d05"), (13, "long-n-1a4d05")],
)
def test_little_room(limit: int, expected: str) -> None:
    """A name that does not fit is cut before its digest; the digest never is."""
    assert first("/srv/long-name-of-a-folder", 1, limit) == [expected]


@given(PATHS, LIMITS)
def test_candidates_are_slugs(directory: str, limit: int) -> None:
    """Every candidate of every path, UTF-8 or not, may be leased and fits."""
    for name in first(directory, 12, limit):
        assert is_slug(name)
        assert len(name) <= limit


@given(PATHS, st.from_regex(r"[a-z][a-z0-9-]{0,30}[a-z]", fullmatch=True))
def test_host_label(directory: str, owner: str) -> None:
    """With room left for the owner, project and owner together fit one DNS label."""
    for name in first(directory, 8, LABEL - 1 - len(owner)):
        assert len(f"{name}-{owner}") <= LABEL


@given(st.lists(PATHS, max_size=12), LIMITS, st.randoms(use_true_random=False))
def test_order_does_not_matter(directories: list[str], limit: int, random: Random) -> None:
    """The same directories get the same names, in whatever order they are found."""
    shuffled = list(directories)
    random.shuffle(shuffled)
    leases = assign({}, directories, limit=limit, ascii_=anyascii)
    assert assign({}, shuffled, limit=limit, ascii_=anyascii) == leases


@given(SETS, SETS, LIMITS)
def test_leases(earlier: set[str], later: set[str], limit: int) -> None:
    """Every directory gets a name of its own, never a reserved one, and keeps it."""
    before = assign({}, earlier, limit=limit, ascii_=anyascii)
    after = assign(before, later, limit=limit, ascii_=anyascii)
    assert after.keys() == earlier | later
    assert before.items() <= after.items()
    assert len(set(after.values())) == len(after)
    assert RESERVED.isdisjoint(after.values())


def test_shorter_path_first() -> None:
    """Of directories found together the shortest path gets the plain name, then the first."""
    directories = ["/home/bob/work/app", "/srv/b/app", "/srv/a/app", "/srv/app"]
    assert assign({}, directories, limit=LABEL, ascii_=anyascii) == {
        "/srv/app": "app",
        "/srv/a/app": "a-app",
        "/srv/b/app": "b-app",
        "/home/bob/work/app": "work-app",
    }


def test_lease_does_not_move() -> None:
    """A lease given long ago holds against a better claim."""
    leases = assign({"/deep/down/app": "app"}, ["/app"], limit=LABEL, ascii_=anyascii)
    assert leases["/deep/down/app"] == "app"
    assert leases["/app"].startswith("app-")


@given(PATHS, LIMITS, st.integers(1, 12))
def test_taken_digests(directory: str, limit: int, number: int) -> None:
    """A directory gets a name even where others hold its first ones, digests included."""
    taken = {f"/other/{index}": slug for index, slug in enumerate(first(directory, number, limit))}
    assume(directory not in taken)
    leases = assign(taken, [directory], limit=limit, ascii_=anyascii)
    assert leases[directory] == first(directory, number + 1, limit)[-1]


@given(st.binary(min_size=1, max_size=20))
def test_paths_of_bytes(name: bytes) -> None:
    """A folder whose name is no UTF-8 gets a name like any other."""
    directory = "/srv/" + os.fsdecode(name).replace("/", "")
    assert is_slug(assign({}, [directory], limit=LABEL, ascii_=anyascii)[directory])
