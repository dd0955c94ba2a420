"""What can be done to a session."""

from __future__ import annotations

import asyncio
import os
import webbrowser
from collections.abc import Coroutine, Iterable, Mapping
from itertools import chain
from typing import Any, TypeVar

from opencoderouter.core.fleet.control import Failed, Foreground, Outcome
from opencoderouter.core.fleet.model import Ask, HostRef, Live, ProjectRef, SessionRef
from opencoderouter.tui.deeds.desk import Desk
from opencoderouter.tui.modals import wording
from opencoderouter.tui.modals.reply import ALLOW, REJECT, AskQuestion, Permission
from opencoderouter.tui.terminal import Ended, lend

T = TypeVar("T")
Archived = list[tuple[SessionRef, Outcome]]
_SEEN = ("id", "text", "always", "questions")  # of what is asked
_AT_WORK = (Live.BUSY, Live.RETRY, Live.PERMISSION, Live.QUESTION)


class Sessions(Desk):
    """Attach, stop, archive, delete, reply, open in a browser, copy."""

    @property
    def chosen(self) -> SessionRef | None:
        """Return the selected session; say that one is to be selected if none is."""
        if isinstance(self.target, SessionRef):
            return self.target
        self.warn("Select a session first.")
        return None

    def title_of(self, ref: SessionRef) -> str:
        """Return what the screen calls a session."""
        session = self.session(ref)
        return (session.title if session is not None else "") or ref.id

    def action_attach(self) -> None:
        """Attach to the selected session."""
        if (ref := self.chosen) is not None:
            self.begin(ref, lambda: self.attach(ref))

    async def attach(self, ref: SessionRef) -> None:
        """Lend the terminal to a session; afterwards its host is asked again."""
        if not self.there(ref):
            return
        program = await self.control.attach(ref)
        if isinstance(program, Failed):
            self.fail(program)
            return
        await self.foreground(program)
        self.control.refresh((ref.alias,))

    async def foreground(self, program: Foreground) -> bool:
        """Lend the terminal to a program; tell whether it ended well."""
        ended = await self.lent(program)
        if ended.code:
            summary = f"It ended with exit code {ended.code}."
            first = ended.last.splitlines()[-1:] or [summary]
            self.fail(Failed(first[0], f"{program.shown}\n\n{summary}\n{ended.last}"))
        return not ended.code

    async def lent(self, program: Foreground) -> Ended:
        """Lend the terminal."""
        return await lend(self.app, program)

    def action_kill_session(self) -> None:
        """Stop or archive the selected session, or archive the marked ones."""
        if self.marked:
            marked = self.marked
            self.begin(marked, lambda: self._archive_all(marked), asks=True)
        elif (ref := self.chosen) is not None:
            self.begin(ref, lambda: self._kill(ref), asks=True)

    async def _kill(self, ref: SessionRef) -> None:
        session = self.session(ref)
        busy = session is not None and session.live in _AT_WORK
        title = self.title_of(ref)
        answer = await self.ask(wording.kill(self.host_name(ref.alias), title, busy=busy))
        if answer in (wording.STOP, wording.ARCHIVE) and self.there(ref):
            stop = answer == wording.STOP
            deed = self.control.abort(ref) if stop else self.control.archive(ref)
            saying = f"{'Stopping' if stop else 'Archiving'} {title}"
            await self.carry_out(ref.alias, saying, deed)

    async def _archive_all(self, refs: tuple[SessionRef, ...]) -> None:
        listed = [(self.host_name(ref.alias), self.title_of(ref)) for ref in refs]
        if await self.ask(wording.archive_all(listed)) != wording.YES:
            return
        self.unmark()
        self.say(f"Archiving {len(refs)} sessions")
        there = [ref for ref in refs if self.session(ref)]
        aliases = dict.fromkeys(ref.alias for ref in there)
        hosts = ([ref for ref in there if ref.alias == alias] for alias in aliases)
        self._tell_all(len(refs), [*chain(*await _together(map(self._archive_on, hosts)))])

    async def _archive_on(self, refs: list[SessionRef]) -> Archived:
        """Archive sessions of one host: those of one directory at once, they share a server."""
        ended: Archived = []
        for directory in dict.fromkeys(ref.directory for ref in refs):
            own = [ref for ref in refs if ref.directory == directory]
            ended += zip(own, await _together(map(self.control.archive, own)), strict=True)
        self.control.refresh((refs[0].alias,))
        return ended

    def _tell_all(self, wanted: int, ended: Archived) -> None:
        failed = [(ref, end) for ref, end in ended if isinstance(end, Failed)]
        done, gone = len(ended) - len(failed), wanted - len(ended)
        summary = f"Archived {done} of {wanted} sessions" + (f"; {gone} gone" if gone else "")
        if failed:
            lines = (f"{self.host_name(r.alias)} {r.id}: {end.summary}" for r, end in failed)
            self.fail(Failed(summary, "\n".join(lines)))
        else:
            self.say(summary)

    def action_delete_session(self) -> None:
        """Export the selected session, then delete it."""
        if (ref := self.chosen) is not None:
            self.begin(ref, lambda: self._delete(ref), asks=True)

    async def _delete(self, ref: SessionRef) -> None:
        title = self.title_of(ref)
        question = wording.delete(self.host_name(ref.alias), title, ref.id)
        if await self.ask(question) == wording.YES and self.there(ref):
            await self.carry_out(
                ref.alias, f"Exporting, then deleting {title}", self.control.delete(ref)
            )

    def action_reply(self) -> None:
        """Answer what the selected session waits for."""
        if (ref := self.chosen) is None:
            return
        session = self.session(ref)
        if session is None or not session.asks:
            self.warn("This session waits for nothing.")
        else:
            self.answer(ref, session.asks[0])

    def answer(self, ref: SessionRef, ask: Ask) -> None:
        """Ask what an agent is to be told, and tell it."""
        self.begin((ref, ask.id), lambda: self._answer(ref, ask), asks=True)

    async def _answer(self, ref: SessionRef, ask: Ask) -> None:
        permission = ask.kind is Live.PERMISSION
        answers = await (self._allowed(ref, ask) if permission else self._answers(ref, ask))
        if answers is None:
            return
        session = self.session(ref)
        if session is None or not any(_same(one, ask) for one in session.asks):
            self.warn("It is no longer asked: nothing was done.")
            return
        await self.carry_out(ref.alias, "Answering", self.control.reply(ref.alias, ask, answers))

    async def _allowed(self, ref: SessionRef, ask: Ask) -> tuple[tuple[str, ...], ...] | None:
        question = Permission(self.host_name(ref.alias), self.title_of(ref), ask)
        answer = ALLOW.get(await self.ask(question) or "")
        return None if answer is None else ((answer,),)

    async def _answers(self, ref: SessionRef, ask: Ask) -> tuple[tuple[str, ...], ...] | None:
        answers = []
        for number, question in enumerate(ask.questions, start=1):
            heading = f"Question {number} of {len(ask.questions)}: {self.title_of(ref)}"
            answer = await self.ask(AskQuestion(heading, question))
            if answer is None:
                return None
            if answer == REJECT:
                return ()
            answers.append(answer)
        return tuple(answers)

    def action_browser(self) -> None:
        """Open the selected session in the browser of this machine."""
        if (ref := self.chosen) is not None:
            self.begin(ref, lambda: self._browse(ref))

    async def _browse(self, ref: SessionRef) -> None:
        if not self.there(ref):
            return
        outcome = await self.control.browse(ref)
        if isinstance(outcome, Failed):
            self.fail(outcome)
        elif has_browser(os.environ) and self.open_page(outcome.value):
            self.say(f"Opened {outcome.value}")
        else:
            self.copy(outcome.value)
            self.say(f"No browser here. Copied: {outcome.value}")

    def open_page(self, url: str) -> bool:
        """Open a page in the browser; tell whether there is one."""
        return webbrowser.open(url)

    def action_copy_id(self) -> None:
        """Copy what the selected row is known by."""
        match self.target:
            case SessionRef(id=text) | ProjectRef(directory=text) | HostRef(alias=text):
                self.copied(text)
            case _:
                self.warn("Select a session, a project or a host first.")

    def action_copy_attach(self) -> None:
        """Copy what a person types to attach to the selected session."""
        if (ref := self.chosen) is not None:
            self.begin(ref, lambda: self._copy_attach(ref))

    async def _copy_attach(self, ref: SessionRef) -> None:
        program = await self.control.attach(ref)
        if isinstance(program, Failed):
            self.fail(program)
        else:
            self.copied(program.shown)

    def copied(self, text: str) -> None:
        """Copy text, and say so."""
        self.copy(text)
        self.say(f"Copied: {text}")

    def copy(self, text: str) -> None:
        """Copy text by the terminal (OSC 52)."""
        self.app.copy_to_clipboard(text)


def _same(one: Ask, seen: Ask) -> bool:
    """Tell whether it is what a person has been asked, word by word."""
    return all(getattr(one, name) == getattr(seen, name) for name in _SEEN)


async def _together(deeds: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(deed) for deed in deeds]
    return [task.result() for task in tasks]


def has_browser(environment: Mapping[str, str]) -> bool:
    """Tell whether a page would be seen by who sits here: on a screen of ours, not over SSH."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return False
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return os.uname().sysname == "Darwin" or any(environment.get(name) for name in screens)
