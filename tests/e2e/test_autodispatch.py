"""The commands of docs/autodispatch.md, typed one after the other, dispatch a task."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest
from tests.rig import http
from tests.rig.fleet import Fleet
from tests.rig.guide import blocks
from tests.rig.opencode import Rig

GUIDE = Path(__file__).parents[2] / "docs/autodispatch.md"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (which("curl") and which("jq")), reason="needs curl, jq"),
]


def dispatch(fleet: Fleet, rig: Rig, folder: Path, *, task: str) -> str:
    """Type the guide's commands in ``folder``; return the last line they print."""
    found = blocks(GUIDE)
    commands = "\n".join(block.text for block in found if block.language == "sh")
    commands = commands.replace("localhost:8080", f"localhost:{fleet.router.port}")
    (folder / "task.md").write_text(task)
    done = subprocess.run(
        ["bash", "-c", commands],
        check=True,
        cwd=folder,
        env=rig.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=200,
        text=True,
    )
    return done.stdout.splitlines()[-1]


def the_task(fleet: Fleet) -> str:
    """Return the task of the guide, for a project of this run."""
    [task] = [block.text for block in blocks(GUIDE) if block.language == "markdown"]
    return task.replace("Archer", fleet.beta.name)


def test_task_of_the_guide(fleet: Fleet, rig: Rig, tmp_path: Path) -> None:
    """The task of the guide is done: its body was the prompt, its model and agent were asked."""
    task = the_task(fleet)
    assert dispatch(fleet, rig, tmp_path, task=task) == "done"
    answer = (tmp_path / "answer.txt").read_text()
    assert answer.strip() == "You said: " + task.rpartition("---\n")[2].strip()
    session = json.loads((tmp_path / "project.json").read_text())
    assert session["project_path"] == str(fleet.beta)
    newest = http.get(f"{session['url']}session?limit=1")[0]
    assert newest["directory"] == str(fleet.beta)
    [user, *_] = http.get(f"{session['url']}session/{newest['id']}/message")
    assert user["info"]["agent"] == "build"
    assert user["info"]["model"]["modelID"] == "claude-sonnet-4-5"


@pytest.mark.parametrize("agent", ["plan", "general", "explore"])
def test_agents(fleet: Fleet, rig: Rig, tmp_path: Path, agent: str) -> None:
    """Each agent that the guide names takes a task."""
    task = the_task(fleet).replace("agent: build", f"agent: {agent}")
    assert dispatch(fleet, rig, tmp_path, task=task) == "done"


def test_project_alone(fleet: Fleet, rig: Rig, tmp_path: Path) -> None:
    """Model and agent may be left out."""
    task = f"---\nproject: {fleet.beta.name}\n---\nhello\n"
    assert dispatch(fleet, rig, tmp_path, task=task) == "done"
    assert (tmp_path / "answer.txt").read_text().strip() == "You said: hello"


def test_project_by_path(fleet: Fleet, rig: Rig, tmp_path: Path) -> None:
    """A project may be given by its full path."""
    task = f"---\nproject: {fleet.beta} \n---\nhello\n"
    assert dispatch(fleet, rig, tmp_path, task=task) == "done"
    assert json.loads((tmp_path / "project.json").read_text())["project_path"] == str(fleet.beta)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("model: fake/error400", "the model refuses"),
        ("agent: coder", 'Agent not found: "coder"'),
    ],
)
def test_failure(fleet: Fleet, rig: Rig, tmp_path: Path, line: str, message: str) -> None:
    """A model that refuses and an agent that does not exist are failures that say why."""
    task = f"---\nproject: {fleet.beta.name}\n{line}\n---\nhello\n"
    assert dispatch(fleet, rig, tmp_path, task=task) == "failed"
    assert message in json.loads((tmp_path / "error.json").read_text())["data"]["message"]


@pytest.mark.parametrize("project", ["/nowhere/{}", "~/no where/{}", "No Such {}"])
def test_unknown_project(
    fleet: Fleet, rig: Rig, tmp_path: Path, capfd: pytest.CaptureFixture[str], project: str
) -> None:
    """A project that nobody serves stops the flow with the router's reason; nothing is prompted."""
    project = project.format(fleet.beta.name)
    with pytest.raises(subprocess.CalledProcessError):
        dispatch(fleet, rig, tmp_path, task=f"---\nproject: {project}\n---\nhello\n")
    said = json.loads((tmp_path / "project.json").read_text())
    assert (said["error"], said["query"]) == ("not_found", project)
    assert f"not dispatched to '{project}': {said['detail']}" in capfd.readouterr().err
    assert not (tmp_path / "events.log").exists()
