r"""Text that means something to a shell, a terminal, git or OpenCode, unless it is quoted.

Whatever gets to run one of the commands in it makes a file that is called ``CANARY``.
"""

from __future__ import annotations

from pathlib import Path

CANARY = "canary"
_RUN = f"touch {CANARY}"

# As a name of a folder each of them is possible: no slash, no NUL.
NAMES = (
    "plain",
    "with space",
    " leading and trailing ",
    "quote's",
    'double"quote',
    f"$({_RUN})",
    f"`{_RUN}`",
    f"'; {_RUN}; '",
    f"'$({_RUN})'",
    f'"; {_RUN}; "',
    f"a;{_RUN}",
    f"a&&{_RUN}",
    f"a|{_RUN}",
    f"a&{_RUN}&",
    f"a\n{_RUN}\n",
    f"\n{_RUN}\n",
    f"'\n{_RUN}\n'",
    "ends with newlines\n\n",
    f"a\r{_RUN}\r",
    "-rf",
    "--upload-pack=touch canary",
    "~",
    "~root",
    "$HOME",
    "${HOME}",
    "*",
    "?[a-z]*",
    "{a,b}",
    "!!",
    "!touch",
    "a!b!c",
    "100%s%n%%41",
    "back\\slash\\",
    "\\n\\'\\!",
    "tab\there",
    "#comment",
    "a=b",
    "<in>out",
    "(sub)",
    "\x1b[31mred\x1b]0;title\x07",
    "ünïcödé 日本 🦊",
    "\u202eright to left",
    "EOF\nEND\n",
    "ocr-answer-1",
)

# Addresses of no repository, or of one that git must not be given.
URLS = (
    "",
    "-",
    "--upload-pack=touch canary",
    "-cprotocol.ext.allow=always",
    f"ext::sh -c {_RUN}",
    f"ext::sh -c '{_RUN}'",
    "fd::17",
    "ext::https://host/repo",
    "https://user:secret@host/repo.git",
    "https://token@host/repo.git",
    "ssh://user:secret@host/repo.git",
    "ssh://-oProxyCommand=touch/repo",
    "ssh://-l@host/repo",
    "-oProxyCommand=touch:repo",
    "file://host/repo",
    "ftp://host/repo",
    "rsync://host/repo",
    "https://",
    "https:///repo",
    "https://host:port/repo",
    "relative/path",
    "host",
    f"git@host:a b; {_RUN}",
    f"https://host/repo\n{_RUN}",
    "https://host/\x1b[31mrepo",
    "https://host/repo\u202e",
    "https:\\\\host\\repo",
    f"host:$({_RUN})\n",
    "host::path",
    "https://[::1/repo",
    "x" * 5000,
)

# Ids of no session.
IDS = (
    "",
    "-",
    "--help",
    "ses_",
    f"ses_1; {_RUN}",
    f"ses_$({_RUN})",
    "ses_1' or '1'='1",
    "ses_1/../../global/dispose",
    "ses_1?x",
    "ses_1\n",
    "ses_é",
    "SES_1",
    "ses_" + "a" * 300,
)


def canaries(folder: Path) -> list[Path]:
    """Return what should not be there."""
    return [path for path in folder.rglob("*") if path.name.strip() == CANARY]
