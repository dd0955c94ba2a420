"""What is told: errors in full, help, and what waits for a person."""

from __future__ import annotations

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.model import HostRef, ProjectRef, SessionRef, Target
from opencoderouter.core.fleet.trouble import troubles
from opencoderouter.tui.deeds.places import Places


class Telling(Places):
    """Error details, help, attention."""

    def action_error_detail(self) -> None:
        """Show the last error, and what is wrong with the selected row."""
        target = self.target
        known = target if isinstance(target, HostRef | ProjectRef | SessionRef) else None
        self._details((self.failure,) if self.failure is not None else (), known)

    def explain(self, target: Target) -> None:
        """Show what is wrong with a row."""
        self._details((), target)

    def _details(self, failures: tuple[Failed, ...], target: Target | None) -> None:
        found = troubles(self.program.fleet.value, target) if target is not None else ()
        if everything := (*failures, *found):
            from opencoderouter.tui.modals.error_detail import ErrorDetail

            _ = self.app.push_screen(ErrorDetail(everything))
        else:
            self.say("There was no error.")

    def action_help(self) -> None:
        """Show all keys and signs."""
        from opencoderouter.tui.modals.help import Help

        _ = self.app.push_screen(Help(self.program.preferences.value.keybindings, self.look()))

    def action_attention(self) -> None:
        """Show what waits for a person or failed."""
        from opencoderouter.tui.attention import Attention

        _ = self.app.push_screen(Attention(self))
