"""Takes out of the report what nobody else should read: it is made to be shown to others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

MASKED = "***"
_SHORTEST = 4  # characters of a secret that is looked for as it is
_NAMED = r"[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|credential)s?"
_FORM = r"\[?USER:PASSWORD@"  # what our own words tell to be written
_WORDS = r"must be |others can read |is empty;|--backend NAME="  # ours, behind a setting's name
_PATTERNS = (  # what to look for, what is left of it
    (r"ocrt_[\w-]+", MASKED),
    (r"\bsk-[\w-]{12,}", MASKED),
    (r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer)\s+)?[^\s\"']+", rf"\1{MASKED}"),
    (r"(?i)\b(bearer|basic)\s+[\w+/=._~-]{8,}", rf"\1 {MASKED}"),
    (r"(?i)(cookie[\"']?\s*:\s*).*", rf"\1{MASKED}"),
    (rf"([a-z][a-z0-9+.-]*://)(?!{_FORM})[^\s/@\"']+@", rf"\1{MASKED}@"),
    (
        rf"(?i)\b({_NAMED}[\"']?\s*[=:]\s*)(?!{_WORDS})(\"[^\"]*\"|'[^']*'|[^\s,;&\"'}}]+)",
        rf"\1{MASKED}",
    ),
)
_SECRET_VARIABLE = re.compile(rf"(?i){_NAMED}")
_IS_A_FILE = re.compile(r"(?i)_file$")


def masker(
    home: Path, environment: Mapping[str, str], secrets: Iterable[str] = ()
) -> Callable[[str], str]:
    """Return what replaces secrets by ``***`` and the home directory by ``~`` in a text.

    Secrets are ``secrets``, the values of variables that are named like one, and what has the form
    of one: tokens, ``Authorization`` fields, passwords in URLs and assignments.
    """
    named = (v for k, v in environment.items() if _is_secret(k))
    known = sorted({s for s in (*secrets, *named) if len(s) >= _SHORTEST}, key=len, reverse=True)
    patterns = [(re.compile(re.escape(secret)), MASKED) for secret in known]
    patterns += [(re.compile(pattern), left) for pattern, left in _PATTERNS]
    patterns += _home(str(home).rstrip("/"))

    def mask(text: str) -> str:
        for pattern, left in patterns:
            text = pattern.sub(left, text)
        return text

    return mask


def _is_secret(name: str) -> bool:
    return _SECRET_VARIABLE.fullmatch(name) is not None and not _IS_A_FILE.search(name)


def _home(home: str) -> list[tuple[re.Pattern[str], str]]:
    """Return patterns for the home directory, so that a quoted path stays good for a shell."""
    if not home.startswith("/"):
        return []
    path, behind = re.escape(home), r"(?![\w.-])"
    return [
        (re.compile(rf"'{path}/"), "~/'"),
        (re.compile(rf"(?<![\w.~/-]){path}{behind}"), "~"),
    ]
