"""The router itself: does one run, and is it this version."""

from __future__ import annotations

from collections.abc import Iterable

from opencoderouter import __version__
from opencoderouter.doctor.facts import Answered, Facts, Unanswered
from opencoderouter.doctor.finding import Check, Finding, Status

_CODE = "router"


async def look(facts: Facts) -> Iterable[Finding]:
    """Tell whether the router of these settings answers."""
    return (judge(await facts.router.get("/api/health"), facts.settings.port),)


def judge(answer: Answered | Unanswered, port: int) -> Finding:
    """Return what an answer to ``/api/health`` says of the router on ``port``."""
    match answer:
        case Unanswered(reason, down=True):
            return _down(reason)
        case Unanswered(https=True):
            return _secure(port)
        case Unanswered(reason):
            return _silent(port, reason)
        case Answered(dict() as said) if "version" in said:
            return _speaks(said)
        case Answered(dict() as said) if "healthy" in said:
            return _closed(port)
    return _silent(port, "what it says is not what a router says")


def _down(reason: str) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "No router runs here",
        (reason,),
        "What only a running router knows is skipped. One with other settings is found by the "
        "options that it was given: --port, --state-dir.",
        ("ocr-router serve",),
    )


def _silent(port: int, reason: str) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        f"Something listens on port {port} and does not answer as your router does",
        (reason,),
        "A router that hangs, one with other settings (a state directory), or not a router.",
        (f"ocr-router doctor --only port --port {port}",),
    )


def _secure(port: int) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        f"The router on port {port} speaks HTTPS, and was asked by HTTP",
        (),
        "What only a running router knows cannot be looked at without its certificate.",
        ("ocr-router doctor --tls-cert FILE  # the one that the router was given",),
    )


def _closed(port: int) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        f"The router on port {port} does not let this command in",
        ("it says only that it is there",),
        "What only a running router knows cannot be looked at.",
        (
            "ocr-router doctor --state-dir DIRECTORY  # the router's, where its password is",
            "ocr-router token create NAME  # and put what it prints into OCR_TOKEN",
        ),
    )


def _speaks(said: dict[str, object]) -> Finding:
    version = str(said["version"])
    projects = said.get("backends")
    seen = (f"version {version}, {projects} projects", f"owner {said.get('username')}")
    if version != __version__:
        return Finding(
            _CODE,
            Status.WARNING,
            f"The router that runs is {version}, this command is {__version__}",
            seen,
            "The router goes on with the program that it was started with: what is newer, or "
            "mended, is not in it.",
            ("Stop the router and start it again: ocr-router serve",),
        )
    return Finding(_CODE, Status.OK, f"The router runs: {version}, projects: {projects}", seen)


CHECKS = (Check(_CODE, "The running router", look),)
