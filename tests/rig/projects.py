"""Project directories of every kind that a server may be started in."""

from __future__ import annotations

import subprocess
from pathlib import Path


def repository(directory: Path) -> Path:
    """Make a git repository with one commit of its own (the root commit is a project's id)."""
    without_commits(directory)
    (directory / "README.md").write_text(f"# {directory.name}\n")
    _git(directory, "add", ".")
    author = ("-c", "user.name=rig", "-c", "user.email=rig@example.invalid")
    _git(directory, *author, "commit", "-q", "-m", f"Start {directory}")
    return directory


def without_commits(directory: Path) -> Path:
    """Make a git repository that has no commit yet."""
    plain(directory)
    _git(directory, "init", "-q", "-b", "main")
    return directory


def plain(directory: Path) -> Path:
    """Make a directory that is no repository."""
    directory.mkdir(parents=True)
    return directory


def worktree(of: Path, directory: Path) -> Path:
    """Make a linked worktree of a repository."""
    _git(of, "worktree", "add", "-q", "-b", directory.name, str(directory))
    return directory


def _git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(directory), *arguments], check=True, stdin=subprocess.DEVNULL)
