"""Process 1, as in a container: the kernel expects more of it than of others (pid_namespaces(7)).

It gets all orphans, and they stay zombies until it waits for them; a signal that it has no handler
for does nothing to it; when it ends, everything ends. So a tiny process takes that upon itself, and
the program is its child. Nothing but the standard library is imported, and of that nothing large.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_FIRST = 1
_WATCHED = "WATCHDOG_PID"  # sd_watchdog_enabled(3)
# What a person, an engine or a service manager may send. Not SIGTSTP and SIGCONT, which are the
# business of a shell, and there is none; not what a fault raises.
_PASSED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
}
_MASKED = {*_PASSED, signal.SIGCHLD, signal.SIGTTOU}
_BY_SIGNAL = 128  # and its number: as shells tell of it


def stand_in() -> None:
    """Return in a child of this process if it is process 1, and at once if it is not.

    Process 1 itself never returns: it passes signals on, reaps every orphan, and ends with the
    child and its exit code. To be called before there are threads or an event loop.
    """
    if os.getpid() != _FIRST:
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _MASKED)  # none is lost meanwhile
    child = os.fork()
    if child:
        os._exit(_watch_over(child))
    _take_terminal()
    if os.environ.get(_WATCHED) == str(_FIRST):
        os.environ[_WATCHED] = str(os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_terminal() -> None:
    """Make this process the one that the terminal's keys are for, if process 1 was that.

    Else Ctrl-C would come twice: from the terminal, and passed on.
    """
    with suppress(OSError):
        has_terminal = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
        os.setpgid(0, 0)
        if has_terminal:
            os.tcsetpgrp(0, os.getpgrp())


def _watch_over(child: int) -> int:
    """Do what process 1 has to do until the child has ended; return its exit code."""
    while True:
        number = signal.sigwait(_MASKED)
        if number in _PASSED:
            os.kill(child, number)  # it is there at least until it is reaped, which is done below
        elif number == signal.SIGCHLD and (code := _reap(child)) is not None:
            return code


def _reap(child: int) -> int | None:
    """Reap all that have ended; return the exit code of the child, if it is among them."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG | os.WUNTRACED))[0]:
            pid, status = found
            if os.WIFSTOPPED(status):
                _wake(pid, os.WSTOPSIG(status))
            elif pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else _BY_SIGNAL - code
    return None


def _wake(pid: int, stopped_by: int) -> None:
    """Undo what Ctrl-Z has done: nobody else could, for there is no shell."""
    if stopped_by == signal.SIGTSTP:
        os.kill(pid, signal.SIGCONT)
