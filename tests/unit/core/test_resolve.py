"""Which project a path or a name means; above all, when it means none."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.resolve import by_name, by_path, expand

HOME = "/home/ada"
PLACES = {
    "app": "/home/ada/app",
    "plugin": "/home/ada/app/plugin",
    "work-app": "/srv/work/app",
    "other": "/srv/work/other",
    "my-project-v2": "/srv/My_Project.v2",
    "proekt": "/srv/проект",
    "dannye": "/srv/данные",
    "x-api": "/srv/x/api",
    "cafe": "/srv/café",
}


@pytest.mark.parametrize(
    ("path", "slugs"),
    [
        ("/srv/work/other", "other"),
        ("/srv/work/other/", "other"),
        ("//srv//work/./other///", "other"),
        ("/srv/work/app/../other/src", "other"),
        ("/home/ada/app", "app"),
        ("/home/ada/app/src/main.py", "app"),
        ("/home/ada/app/plugin", "plugin"),
        ("/home/ada/app/plugin/deep/er", "plugin"),
        ("/home/ada/app/plugins", "app"),
        ("/home/ada/apple", ""),
        ("/home/ada", ""),
        ("/home/ada/app/..", ""),
        ("/home/ada/app/../../..", ""),
        ("/home/ADA/app", ""),
        ("/nowhere/app", ""),
        ("/", ""),
        ("~/app", "app"),
        ("~//app/plugin/", "plugin"),
        ("~", ""),
        ("~/../../srv/work/other", "other"),
        ("~ada/app", ""),
        ("app", "app work-app"),
        ("ada/app", "app"),
        ("work/app", "work-app"),
        ("./work/app/", "work-app"),
        ("work//x/../app", "work-app"),
        ("k/app", ""),
        ("srv/work", ""),
        ("home/ada/app", "app"),
        ("../app", ""),
        ("..", ""),
        (".", ""),
        ("app/src", ""),
        ("проект", "proekt"),
        ("\0", ""),
    ],
)
def test_path(path: str, slugs: str) -> None:
    """A path means the project that holds it, a relative one what ends with all its parts."""
    assert by_path(PLACES, path, home=HOME) == tuple(slugs.split())


@pytest.mark.parametrize(
    ("path", "real", "slugs"),
    [
        ("/home/ada/link/src", "/srv/work/other/src", "other"),
        ("/home/ada/app/link", "/srv/work/other", "other"),
        ("/home/ada/app/link", "/srv/elsewhere", "app"),
        ("/srv/work/other", "/mnt/other", "other"),
        ("/srv/work/other", "/srv/work/app", "other"),
        ("/nowhere", "/nowhere", ""),
        ("/nowhere", None, ""),
    ],
)
def test_symbolic_links(path: str, real: str | None, slugs: str) -> None:
    """A project's own directory is itself; below that, the place counts, not its spelling."""
    assert by_path(PLACES, path, home=HOME, real=real) == tuple(slugs.split())


@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("other", "other"),
        ("OTHER", "other"),
        ("/somewhere/else/other/", "other"),
        ("app", "app work-app"),
        ("work-app", "work-app"),
        ("My_Project.v2", "my-project-v2"),
        ("my project v2", "my-project-v2"),
        ("api", "x-api"),
        ("проект", "proekt"),
        ("ПРОЕКТ", "proekt"),
        ("proekt", "proekt"),
        ("чужой", ""),
        ("default", ""),
        ("@@@", ""),
        ("caf", ""),
        ("café", "cafe"),
        ("ap", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_name(name: str, slugs: str) -> None:
    """A name is a slug, or a folder's name by the slug rule; names in other scripts stay apart."""
    assert by_name(PLACES, name) == tuple(slugs.split())


def test_slug_of_one_and_folder_of_another() -> None:
    """A name that is one project's slug and another's folder means both."""
    assert by_name({"app": "/a/app", "b-app": "/b/app"}, "app") == ("app", "b-app")


def test_names_of_nothing_but_punctuation() -> None:
    """Two folders that the slug rule leaves nothing of are not the same."""
    assert by_name({"default": "/srv/@@@", "srv-default": "/srv/!!!"}, "!!!") == ("srv-default",)


def test_project_at_the_root() -> None:
    """A project at ``/`` holds what no other one does."""
    places = {"default": "/", "app": "/srv/app"}
    assert by_path(places, "/etc", home=HOME) == ("default",)
    assert by_path(places, "/srv/app/x", home=HOME) == ("app",)


def test_tilde() -> None:
    """Only a lone ``~`` is the home directory."""
    paths = ["~", "~/", "~/x", "~x", "/~", "x/~"]
    assert [expand(path, "/h") for path in paths] == ["/h/", "/h//", "/h//x", "~x", "/~", "x/~"]


PART = st.text("ab.~ я", min_size=1, max_size=3).filter(lambda part: part not in {".", ".."})
DIRECTORY = st.lists(PART, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PLACE = st.dictionaries(st.text("abc-", min_size=1, max_size=4), DIRECTORY, max_size=5).filter(
    lambda places: len(set(places.values())) == len(places)
)


@given(PLACE, st.lists(PART, max_size=3))
def test_everything_below_belongs(places: dict[str, str], below: list[str]) -> None:
    """A directory itself means its own project, and what is below never means another one above."""
    for slug, directory in places.items():
        assert by_path(places, directory, home=HOME) == (slug,)
        [holder] = by_path(places, "/".join([directory, *below]), home=HOME)
        assert len(places[holder]) >= len(directory)


@given(PLACE, st.text("ab./~ я\0", max_size=12), st.none() | DIRECTORY)
def test_never_a_wrong_directory(places: dict[str, str], path: str, real: str | None) -> None:
    """An absolute path means one project at most, and that one holds it or where it leads."""
    found = by_path(places, path, home=HOME, real=real)
    assert set(found) <= set(places)
    if path.startswith("/"):
        ways = [posixpath.normpath("/" + path.lstrip("/")), *([real] if real else [])]
        assert len(found) <= 1
        assert all(any(f"{w}/".startswith(f"{places[s]}/") for w in ways) for s in found)


@given(PLACE, st.text(max_size=12))
def test_names_never_raise(places: dict[str, str], name: str) -> None:
    """Any text is a name; every slug is the name of at least its own project."""
    assert set(by_name(places, name)) <= set(places)
    assert all(slug in by_name(places, slug) for slug in places)
