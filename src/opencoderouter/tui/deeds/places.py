"""What can be done to a host or a directory of it."""

from __future__ import annotations

from opencoderouter.core.fleet.control import Done, Failed, Foreground, Outcome, Progress
from opencoderouter.core.fleet.model import HostRef, HostState, ProjectRef, Report, SessionRef
from opencoderouter.core.fleet.refs import MoreRef, directory_of
from opencoderouter.tui.deeds.sessions import Sessions
from opencoderouter.tui.modals import wording


class Places(Sessions):
    """New sessions, clones, servers, and being let in."""

    @property
    def alias(self) -> str | None:
        """Return the host of the selected row; say that one is to be selected if none is."""
        match self.target:
            case HostRef(alias=a) | ProjectRef(alias=a) | SessionRef(alias=a) | MoreRef(alias=a):
                return a
            case _:
                self.warn("Select a host first.")
                return None

    @property
    def directory(self) -> str:
        """Return the directory of the selected row, or nothing."""
        match self.target:
            case ProjectRef(directory=directory) | MoreRef(directory=directory):
                return directory
            case SessionRef(directory=directory):
                return directory
            case _:
                return ""

    @property
    def project(self) -> ProjectRef | None:
        """Return the selected project; say that one is to be selected if none is."""
        alias = self.alias
        if alias is None or self.directory:
            return None if alias is None else ProjectRef(alias, self.directory)
        self.warn("Select a project or a session first.")
        return None

    @property
    def reached(self) -> str | None:
        """Return the host of the selected row if it can be reached; say so if it cannot."""
        alias = self.alias
        entry = self.entry(alias) if alias is not None else None
        if alias is None or entry is None:
            return None
        if entry.report is not None and entry.report.state is HostState.ONLINE:
            return alias
        self.warn(f"{entry.host.name} is not online: {_state(entry.report)}.")
        return None

    def action_new_session(self) -> None:
        """Make a session on the selected host."""
        if (alias := self.reached) is not None:
            directory = self.directory
            self.begin((alias, "new"), lambda: self.new_session(alias, directory), asks=True)

    async def new_session(self, alias: str, directory: str) -> None:
        """Ask what the session is to be, make it, and attach to it if it has no prompt."""
        from opencoderouter.tui.modals.new_session import NewSession

        dialog = NewSession(
            self.host_name(alias), self._directories(alias, directory), self._agents(alias)
        )
        wanted = await self.ask(dialog)
        if wanted is not None and self.there(HostRef(alias)):
            project = ProjectRef(alias, wanted.directory)
            await self._new(project, wanted.prompt, wanted.agent)

    async def _new(self, project: ProjectRef, prompt: str, agent: str) -> None:
        made, directory = self.control.new(project, prompt, agent), project.directory
        outcome = await self.carry_out(project.alias, f"Making a session in {directory}", made)
        if isinstance(outcome, Done) and not prompt:
            await self.attach_new(SessionRef(project.alias, outcome.value, directory))

    async def attach_new(self, ref: SessionRef) -> None:
        """Attach to a session that the fleet does not know yet."""
        program = await self.control.attach(ref)
        if isinstance(program, Failed):
            self.fail(program)
        else:
            await self.foreground(program)
            self.control.refresh((ref.alias,))

    def _directories(self, alias: str, first: str) -> tuple[str, ...]:
        entry = self.entry(alias)
        sessions = entry.sessions if entry is not None else ()
        servers = entry.good.servers if entry is not None and entry.good is not None else ()
        known = {*map(directory_of, sessions), *(server.directory for server in servers)}
        return tuple(dict.fromkeys(name for name in (first, *sorted(known)) if name))

    def _agents(self, alias: str) -> tuple[str, ...]:
        entry = self.entry(alias)
        sessions = entry.sessions if entry is not None else ()
        return tuple(sorted({session.agent for session in sessions if session.agent}))

    def action_git_clone(self) -> None:
        """Clone a repository on the selected host, and start there."""
        if (alias := self.reached) is not None:
            self.begin((alias, "clone"), lambda: self._clone(alias), asks=True)

    async def _clone(self, alias: str) -> None:
        async def cloning(url: str, target: str, progress: Progress) -> Outcome:
            return await self.control.clone(alias, url, target, progress)

        from opencoderouter.tui.modals.clone import Clone

        done = await self.ask(Clone(self.host_name(alias), cloning))
        if done is not None:
            self.say(done.summary)
            self.control.refresh((alias,))
            await self.new_session(alias, done.value)

    def action_start_server(self) -> None:
        """Start a server for the selected project."""
        if (project := self.project) is not None:
            self.begin(project, lambda: self._start(project), asks=True)

    async def _start(self, project: ProjectRef) -> None:
        question = wording.start(self.host_name(project.alias), project.directory)
        if await self.ask(question) == wording.YES and self.there(project):
            saying = f"Starting a server in {project.directory}"
            await self.carry_out(project.alias, saying, self.control.start(project))

    def action_reload_sessions(self) -> None:
        """Restart the server of the selected project."""
        if (project := self.project) is not None:
            self.begin(project, lambda: self._restart(project), asks=True)

    async def _restart(self, project: ProjectRef) -> None:
        question = wording.restart(self.host_name(project.alias), project.directory)
        if await self.ask(question) == wording.YES and self.there(project):
            saying = f"Restarting the server in {project.directory}"
            await self.carry_out(project.alias, saying, self.control.restart(project))

    def action_authenticate(self) -> None:
        """Show what lets the selected host let us in."""
        if (alias := self.alias) is not None:
            self.log_in(alias)

    def log_in(self, alias: str) -> None:
        """Show what lets a host let us in; run it here if that is wanted."""
        self.begin((alias, "login"), lambda: self._log_in(alias))

    async def _log_in(self, alias: str) -> None:
        commands = await self.control.login(alias)
        if isinstance(commands, Failed):
            self.fail(commands)
            return
        entry = self.entry(alias)
        reason = entry.report.reason if entry is not None and entry.report is not None else ""
        if not commands:
            self.say(f"{self.host_name(alias)} wants nothing of a person.")
            return
        from opencoderouter.tui.modals.login import Login

        if await self.ask(Login(self.host_name(alias), reason, commands)):
            await self._run_all(commands)
            self.control.refresh((alias,))

    async def _run_all(self, commands: tuple[Foreground, ...]) -> None:
        for command in commands:
            if not await self.foreground(command):
                return


def _state(report: Report | None) -> str:
    return "not asked yet" if report is None else report.state.replace("_", " ")
