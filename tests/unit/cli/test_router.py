"""The arguments as typed."""

from __future__ import annotations

import pytest

from opencoderouter import __version__
from opencoderouter.cli import router


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--mdns=false", "--no-mdns"),
        ("--mdns=0", "--no-mdns"),
        ("--mdns=True", "--mdns"),
        ("--mdns=1", "--mdns"),
        ("--mdns", "--mdns"),
        ("--mdns=perhaps", "--mdns=perhaps"),
        ("--port=1", "--port=1"),
        ("shop=true", "shop=true"),
    ],
)
def test_the_switch_of_the_original(typed: str, meant: str) -> None:
    """``--mdns=false`` works as it did; nothing else is touched."""
    assert router._switch(typed) == meant  # noqa: SLF001 - the rule by itself


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` is one line on stdout, exit code 0."""
    with pytest.raises(SystemExit) as ended:
        router.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ocr-router {__version__}\n"
