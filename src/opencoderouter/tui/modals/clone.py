"""A repository that is cloned on a host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from opencoderouter.core.fleet import clone
from opencoderouter.core.fleet.commands import is_place
from opencoderouter.core.fleet.control import Done, Outcome, Progress
from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.dialog import Dialog, Hint, shown

Cloning = Callable[[str, str, Progress], Awaitable[Outcome]]


class Clone(Dialog[Done]):
    """Asks for URL and directory, clones, and answers with what came of it.

    A failure is shown, and can be tried again. Closing it while it clones stops the clone.
    """

    DEFAULT_CSS = """
    Clone {
        #state { height: 2; padding: 0 1; }
        &.-busy #state { color: $text-accent; }
        &.-wrong #state { color: $text-error; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("enter", "clone", "screen.clone"),
        ("tab", "next field", "app.focus_next"),
        ("esc", "close, or stop the clone", "screen.close"),
    )

    def __init__(self, host: str, cloning: Cloning) -> None:
        super().__init__(f"Clone a repository on {host}")
        self.cloning = cloning
        self.preset = ""  # as long as it stands there, the directory follows the URL

    def controls(self) -> Iterator[Widget]:
        """Yield the fields, and a line that says how it stands."""
        yield Static("Repository: a URL, host:path, or a path on the host", classes="quiet")
        yield Input(id="url")
        yield Static("Directory on the host, which must not exist", classes="quiet")
        yield Input(id="target")
        yield Static("", id="state")

    @on(Input.Changed, "#url")
    def check(self) -> None:
        """Say at once what is wrong with the URL; name the directory after it."""
        url, target = self._url.value.strip(), self.query_one("#target", Input)
        refusal = clone.refusal(url) if url else ""
        self._state(refusal, "-wrong")
        if target.value == self.preset:
            self.preset = "" if refusal else clone.usual_target(url)
            target.value = self.preset

    @on(Input.Submitted)
    def action_clone(self) -> None:
        """Begin, if the fields are right."""
        url, target = self._url.value.strip(), self.query_one("#target", Input).value.strip()
        wrong = clone.refusal(url)
        if not wrong and not is_place(target):
            wrong = "a directory begins with / or ~/"
        self._state(wrong, "-wrong")
        if not wrong and not self.has_class("-busy"):
            self._freeze(frozen=True)
            self._state("Cloning", "-busy")
            self.run_worker(self._clone(url, target))

    async def _clone(self, url: str, target: str) -> None:
        outcome = await self.cloning(url, target, self._progress)
        if isinstance(outcome, Done):
            self.finish(outcome)
            return
        self._freeze(frozen=False)
        self._state(f"{outcome.summary}\n{outcome.detail}", "-wrong")
        self._url.focus()

    def _progress(self, line: str) -> None:
        self._state(line, "-busy")

    @property
    def _url(self) -> Input:
        return self.query_one("#url", Input)

    def _freeze(self, *, frozen: bool) -> None:
        for field in self.query(Input):
            field.disabled = frozen

    def _state(self, text: str, name: str) -> None:
        self.set_class(name == "-busy", "-busy")
        self.set_class(name == "-wrong", "-wrong")
        lines = [line for line in text.splitlines() if line.strip()]
        self.query_one("#state", Static).update(shown("\n".join(map(printable, lines[:2]))))
