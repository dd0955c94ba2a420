"""``ocr doctor``: what is wrong on the way to the hosts, why it matters, what mends it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from opencoderouter.cli import remote_text
from opencoderouter.cli.remote_fleet import Work, put, using
from opencoderouter.cli.remote_options import Json, start, taking
from opencoderouter.core.fleet import wording
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import HostState, Report, Via

if TYPE_CHECKING:
    from opencoderouter.doctor.finding import Finding
    from opencoderouter.doctor.report import Style

_PLAIN = 100  # columns where there is no terminal
_WHY = {
    HostState.NO_OPENCODE: "There are no sessions without it, and `ocr new` cannot make any.",
    HostState.AUTH_REQUIRED: "Hosts are asked without anybody at the keyboard.",
    HostState.HOST_KEY_UNKNOWN: "A host whose key nobody has seen may be anybody.",
    HostState.HOST_KEY_CHANGED: "It was set up anew, or somebody else answers in its place.",
    HostState.BLOCKED: "It is reached through that host only.",
    HostState.UNREACHABLE: "Nothing is known of its sessions but what was seen last.",
    HostState.ERROR: "Nothing is known of its sessions but what was seen last.",
}
_MEND = {
    HostState.NO_OPENCODE: "install it there, or set hosts.overrides.{alias}.opencode_path",
    HostState.AUTH_REQUIRED: "ocr login {alias}",
    HostState.HOST_KEY_UNKNOWN: "ocr login {alias}",
    HostState.HOST_KEY_CHANGED: "ask who runs it, then: ssh-keygen -R {alias}",
    HostState.BLOCKED: "ocr login {jump}",
    HostState.UNREACHABLE: "ssh -v {alias}",
    HostState.ERROR: "ssh -v {alias}",
}


@taking
def doctor(context: typer.Context, json_: Json = False) -> int:  # noqa: FBT002 - a flag
    """Look at the configuration, ssh and every host; say what is wrong and what mends it.

    Exit code: 0 nothing to mend, 1 problems found.
    """
    from opencoderouter.doctor import net_ssh, report
    from opencoderouter.doctor.finding import PROBLEMS

    told = start(context)

    async def job(work: Work) -> int:
        config = work.preferences.ssh.config
        examine = partial(net_ssh.examine, os.environ, config, needed=True)
        ssh = await asyncio.to_thread(examine)
        found = [*_configuration(work), *ssh, *_hosts(await work.opened.once())]
        shown = [report.masked(finding, str) for finding in found]
        if json_:
            put(json.dumps(report.to_json(shown), indent=2))
        else:
            put(report.table(shown, _style()))
        return int(any(finding.status in PROBLEMS for finding in found))

    return using(told, job, quiet=True)


def _configuration(work: Work) -> Iterator[Finding]:
    from opencoderouter.doctor.finding import Finding, Status

    reading = work.reading
    for problem in reading.problems:
        mend = (f"{problem.file}: correct it; `ocr config check` looks again",)
        why = "All that is wrong there is as by default."
        yield Finding("config", Status.ERROR, str(problem), why=why, mend=mend)
    for note in reading.notes:
        yield Finding("config", Status.INFO, str(note))
    if not reading.problems:
        yield Finding("config", Status.OK, "The configuration is right")


def _hosts(fleet: Fleet) -> Iterator[Finding]:
    from opencoderouter.doctor.finding import Finding, Status

    for problem in fleet.problems:
        why = "ssh may stop there, or name other hosts than you mean."
        yield Finding("ssh", Status.WARNING, problem, why=why, mend=("ssh -G HOST",))
    reports = [(one.host.alias, one.report) for one in fleet.entries.values() if one.report]
    well = sum(report.state is HostState.ONLINE for _, report in reports)
    if well:
        yield Finding("host", Status.OK, f"{wording.counted(well, 'host')} online, with OpenCode")
    for alias, report in reports:
        yield from _host(alias, report)


def _host(alias: str, report: Report) -> Iterator[Finding]:
    from opencoderouter.doctor.finding import Finding, Status

    if report.via is Via.OPENSSH:
        words = f"{alias}: by the system's ssh: {report.via_reason}"
        yield Finding("transport", Status.INFO, words)
    for failure in report.failures:
        yield Finding(
            "probe",
            Status.WARNING,
            f"{alias}: {failure.part}: {failure.reason}",
            why="That part of the host is not shown.",
            mend=(f"ocr exec {alias} -- opencode --version",),
        )
    if report.state is not HostState.ONLINE:
        words = f"{alias}: {report.state}" + (f": {report.reason}" if report.reason else "")
        usual = _MEND[report.state].format(alias=alias, jump=report.blocked_by or alias)
        level = Status.INFO if report.state is HostState.NO_OPENCODE else Status.ERROR
        mend = report.mend or (usual,)
        yield Finding("host", level, words, why=_WHY[report.state], mend=mend)


def _style() -> Style:
    from opencoderouter.doctor.report import Style

    style = remote_text.style()
    return Style(style.width or _PLAIN, style.colour, style.unicode)
