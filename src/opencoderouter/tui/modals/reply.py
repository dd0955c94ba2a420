"""What an agent asks, and what a person answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from opencoderouter.core.fleet.model import Ask, Question
from opencoderouter.core.fleet.wording import exactly
from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.choose import Choice, Choose
from opencoderouter.tui.modals.dialog import Dialog, Hint, shown

REJECT: tuple[str, ...] = ()  # what answers a question with a rejection
ALLOW = {"1": "once", "2": "always", "3": "reject"}

Answer = tuple[str, ...]


class Permission(Choose):
    """Asks whether an agent may do something; the keys are those of ``ALLOW``.

    Nothing is allowed before the end of what it is has been on the screen: until then whatever
    would allow it scrolls on.
    """

    DEFAULT_CSS = """
    Permission {
        .always { margin-top: 1; }
        &.-low {
            #body { max-height: 30vh; }
            OptionList { max-height: 7; margin-top: 0; }
        }
    }
    """

    def __init__(self, host: str, title: str, ask: Ask) -> None:
        super().__init__("Permission", f"{printable(title)}\non {printable(host)}\n", _choices(ask))
        self.wanted = ask
        self.seen = False

    def body(self) -> Iterator[Widget]:
        """Yield where, what, and what more would be allowed by "always"."""
        yield from super().body()
        yield Static(Content(exactly(self.wanted.text)))
        if self.wanted.always:
            yield Static("Always would allow:", classes="always quiet")
        for pattern in self.wanted.always:
            yield Static(Content(exactly(pattern)))

    def on_body_moved(self) -> None:
        """Take note of what has been on the screen."""
        self.seen = self.seen or self.at_end

    def finish(self, answer: str | None) -> None:
        """Close, unless it would be allowed unseen."""
        if self.seen or ALLOW.get(answer or "", "reject") == "reject":
            super().finish(answer)
        else:
            self.action_page(1)


def _choices(ask: Ask) -> tuple[Choice, ...]:
    always = "All that is listed above" if ask.always else "What that allows is not known"
    return (
        Choice("n", "Not now", "It goes on waiting."),
        Choice("1", "Allow once"),
        Choice("2", "Allow always", f"{always}; as long as its server runs."),
        Choice("3", "Reject", "The agent is told so."),
    )


class AskQuestion(Dialog[Answer]):
    """Asks one question: options by number, several if they may be, or words of one's own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "submit", "Answer", show=False, priority=True),
        Binding("ctrl+x", "reject", "Reject", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    AskQuestion {
        OptionList { max-height: 30vh; margin-top: 1; background: $surface; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("1-9", "choose", "screen.submit"),
        ("ctrl+s", "answer", "screen.submit"),
        ("ctrl+x", "reject", "screen.reject"),
        ("esc", "not now", "screen.close"),
    )

    def __init__(self, title: str, question: Question) -> None:
        super().__init__(title)
        self.question = question
        self.chosen: set[int] = set()

    def body(self) -> Iterator[Widget]:
        """Yield the question."""
        if self.question.header:
            yield Static(shown(self.question.header), classes="quiet")
        yield Static(shown(self.question.text))

    def controls(self) -> Iterator[Widget]:
        """Yield the options and a field."""
        if self.question.options:
            yield OptionList(*map(self._option, range(len(self.question.options))), compact=True)
        words = "Or in your own words" if self.question.options else "Your answer"
        yield Input(placeholder=words)

    def on_key(self, event: events.Key) -> None:
        """Take the number of an option."""
        digit = event.character or ""
        if digit.isdecimal() and 0 < int(digit) <= len(self.question.options):
            event.stop()
            self._choose(int(digit) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the option that was clicked or entered."""
        self._choose(event.option_index)

    def on_input_submitted(self) -> None:
        """Answer with what is there."""
        self.action_submit()

    def _choose(self, index: int) -> None:
        if not self.question.multiple:
            self.finish((self.question.options[index][0],))
            return
        self.chosen ^= {index}
        prompt = self._option(index).prompt
        self.query_one(OptionList).replace_option_prompt_at_index(index, prompt)

    def action_submit(self) -> None:
        """Answer with own words, and with what was chosen."""
        words = self.query_one(Input).value.strip()
        labels = [self.question.options[index][0] for index in sorted(self.chosen)]
        answer = (*labels, words) if words else tuple(labels)
        if answer:
            self.finish(answer)

    def action_reject(self) -> None:
        """Answer nothing at all."""
        self.finish(REJECT)

    def _option(self, index: int) -> Option:
        label, effect = self.question.options[index]
        box = f"[{'x' if index in self.chosen else ' '}] " if self.question.multiple else ""
        line = Choice(str(index + 1), f"{box}{printable(label)}", effect).line()
        return Option(Content(" ") + line)
