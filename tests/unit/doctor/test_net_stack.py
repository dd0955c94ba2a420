"""What avahi is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.doctor.net_stack import refuses_others


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("[server]\ndisallow-other-stacks=yes\n", True),
        ("[server]\ndisallow-other-stacks=no\n", False),
        ("[server]\n#disallow-other-stacks=yes\n", False),
        ("[server]\ndisallow-other-stacks=what\n", False),
        ("disallow-other-stacks=yes\n", False),
        ("[server]\nhost-name=a%b\n", False),
        ("", False),
    ],
)
def test_avahi(tmp_path: Path, text: str, refuses: bool) -> None:  # noqa: FBT001 - a column
    """Its configuration is read as it reads it; one that cannot be read says nothing."""
    (tmp_path / "avahi").mkdir()
    (tmp_path / "avahi/avahi-daemon.conf").write_text(text)
    assert refuses_others(tmp_path) == refuses
