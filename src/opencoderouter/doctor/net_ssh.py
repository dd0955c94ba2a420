"""Whether ssh works as the tunnels to other machines need it. No host, user or key is named."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opencoderouter.doctor.finding import Check, Finding, Mending, Status
from opencoderouter.doctor.thread import threaded
from opencoderouter.fleet import ssh_config

if TYPE_CHECKING:
    from opencoderouter.doctor.facts import Facts

_CODE = "ssh"
_WITHIN = 1.0  # seconds for one program
_SUN_PATH = 108 if sys.platform == "linux" else 104  # octets of a socket's path (unix(7))
_SUFFIX = 17  # ssh binds the path with a dot and 16 characters behind it, then renames
_OTHERS = 0o022
_MANY = 5  # hosts of the file that are looked at
_NONE = "There is no ssh: only tunnels to other machines need it"
_INSTALL = "install OpenSSH's client (apt-get install openssh-client)"
_WHY = "Tunnels to other machines go by ssh."


@dataclass(frozen=True, slots=True)
class _Ssh:
    """Programs and files; ``environment`` is what they run with. ``named``: ``ssh -F config``."""

    program: str
    config: Path
    named: bool
    environment: dict[str, str]

    def ask(self, host: str) -> tuple[int, str, str] | None:
        """Return what ``ssh -G`` says of a host."""
        return self.run("-G", *(("-F", str(self.config)) if self.named else ()), "--", host)

    def run(self, *arguments: str, program: str = "") -> tuple[int, str, str] | None:
        """Return code, output and errors of ssh; None when it does not come to its end."""
        try:
            done = subprocess.run(  # noqa: S603 - the user's own
                [program or self.program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_WITHIN,
                check=False,
                env=self.environment,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return (
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )


def look(facts: Facts) -> list[Finding]:
    """Ask ssh what it makes of its configuration, and the agent how many keys it has."""
    return examine(facts.environment)


def examine(
    environment: Mapping[str, str], config: str = "", *, needed: bool = False
) -> list[Finding]:
    """Do that with the programs of this environment; ``config`` is another file than ssh's own.

    Whether ssh is ``needed`` decides what it means that there is none.
    """
    program = shutil.which("ssh", path=environment.get("PATH"))
    if program is None:
        return [_missing(environment) if needed else Finding(_CODE, Status.SKIPPED, _NONE)]
    path = Path(config).expanduser() if config else ssh_config.home() / ".ssh/config"
    ssh = _Ssh(program, path, bool(config), dict(environment))
    problems = [*_open(ssh), *_config(ssh), *_keys(), *_agent(ssh)]
    if any(one.status is not Status.INFO for one in problems):
        return problems
    return [Finding(_CODE, Status.OK, f"{_version(ssh)}; its configuration is in order"), *problems]


def _missing(environment: Mapping[str, str]) -> Finding:
    seen = (f"PATH={environment.get('PATH', '')}",)
    why = "`ssh -G` says what the names of hosts mean; without it none can be reached."
    return Finding(_CODE, Status.ERROR, "There is no ssh", seen, why, (_INSTALL,))


def _version(ssh: _Ssh) -> str:
    said = ssh.run("-V")
    return said[2].partition(",")[0].strip() if said else "ssh"


def _open(ssh: _Ssh) -> Iterator[Finding]:
    """Tell of a file that others can write to: ssh refuses it, unless it was named."""
    if ssh.named:
        return
    try:
        mode = stat.S_IMODE(ssh.config.stat().st_mode)
    except OSError:
        return
    if mode & _OTHERS:
        path = ssh.config
        fix = Mending(
            f"take the right to write to {path} from others",
            lambda: path.chmod(mode & ~_OTHERS),
            f"chmod {mode:o} {path}",
        )
        yield Finding(
            _CODE,
            Status.ERROR,
            "Others can write to the configuration of ssh, so it refuses to read it",
            (f"{path}: mode {mode:o}",),
            _WHY,
            (f"chmod go-w {path}",),
            fix,
        )


def _config(ssh: _Ssh) -> Iterator[Finding]:
    said = ssh.ask("localhost")
    if said is None:
        summary = f"`ssh -G localhost` did not end within {_WITHIN:g} s"
        why = "A command in its configuration (Match exec) hangs, and so will each connection."
        yield Finding(_CODE, Status.WARNING, summary, why=why, mend=("ssh -vG localhost",))
    elif said[0] != 0:
        if not _is_refused_mode(said[2]):  # told already
            yield _broken(said[2])
    else:
        yield from _control(ssh)


def _is_refused_mode(errors: str) -> bool:
    return "Bad owner or permissions" in errors


def _broken(errors: str) -> Finding:
    lines = [line for line in errors.splitlines() if "line " in line] or errors.splitlines()
    place = re.search(r"(\S+)(?:: line | line )(\d+)", lines[0]) if lines else None
    mend = f"edit {place[1].rstrip(':')} at line {place[2]}" if place else "ssh -G localhost"
    summary = "The configuration of ssh cannot be read"
    return Finding(_CODE, Status.ERROR, summary, tuple(lines[:3]), _WHY, (mend,))


def _control(ssh: _Ssh) -> Iterator[Finding]:
    """Tell of sockets for shared connections whose path is too long for the kernel."""
    longest = max((_control_path(ssh, host) for host in _hosts(ssh.config)), key=len, default="")
    room = _SUN_PATH - 1 - _SUFFIX
    size = len(os.fsencode(longest))
    if size > room:
        yield Finding(
            _CODE,
            Status.ERROR,
            f"ControlPath of ssh is too long: {size} octets, {room} are possible",
            (f"{ssh.config}: a path of {size} octets",),
            "ssh cannot open the socket over which connections are shared, and gives up.",
            (f"in {ssh.config}: ControlPath ~/.ssh/%C",),
        )


def _control_path(ssh: _Ssh, host: str) -> str:
    said = ssh.ask(host)
    lines = said[1].splitlines() if said else []
    found = next((x for x in lines if x.lower().startswith("controlpath ")), "")
    path = found.partition(" ")[2]
    return "" if path == "none" else path


def _hosts(config: Path) -> list[str]:
    """Return the first names in the file, and one that is in none."""
    return ["localhost", *ssh_config.aliases(config, ssh_config.home()).names[:_MANY]]


def _keys() -> Iterator[Finding]:
    """Tell of private keys that others can read: ssh does not use them, and says so to nobody."""
    folder = ssh_config.home() / ".ssh"
    files = [path for path in folder.glob("id_*") if path.suffix != ".pub" and _is_shared(path)]
    if files:
        yield Finding(
            _CODE,
            Status.ERROR,
            f"{len(files)} private key(s) in {folder} can be read by others",
            (f"{folder}: id_*",),
            "ssh refuses to use such a key, and hosts that know it do not let you in.",
            (f"find {folder} -name 'id_*' ! -name '*.pub' -exec chmod go= {{}} +",),
        )


def _is_shared(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and bool(found.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _agent(ssh: _Ssh) -> Iterator[Finding]:
    if not ssh.environment.get("SSH_AUTH_SOCK"):
        return
    adder = shutil.which("ssh-add", path=ssh.environment.get("PATH"))
    said = ssh.run("-l", program=adder) if adder else None
    if adder and (said is None or said[0] not in {0, 1}):
        yield Finding(
            _CODE,
            Status.WARNING,
            "SSH_AUTH_SOCK is set, but no agent answers there",
            ("ssh-add -l: no answer",) if said is None else (said[2].strip(),),
            "Every connection asks it first; keys with a passphrase cannot be used.",
            ("unset SSH_AUTH_SOCK", 'eval "$(ssh-agent)" && ssh-add'),
        )
    elif said:
        keys = len(said[1].splitlines()) if said[0] == 0 else 0
        yield Finding(_CODE, Status.INFO, f"The agent of ssh has {keys} key(s)")


CHECKS = (Check(_CODE, "ssh, its configuration and agent", threaded(look)),)
