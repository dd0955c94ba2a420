"""docs/nix.md is true: its examples evaluate, and it names every option."""

from __future__ import annotations

import re

from tests.rig.nix import ROOT, Nix

TEXT = (ROOT / "docs/nix.md").read_text()
EXAMPLES = re.findall(r"```nix\n(.*?)```", TEXT, flags=re.DOTALL)
INPUTS = "let inputs.opencoderouter = self; in"
USERS = "{ users.users = { alice = { }; bob = { }; }; }"


def test_nixos_examples(nix: Nix) -> None:
    """Both machines evaluate, without a warning; the second goes on with what the first imports."""
    one, two = EXAMPLES[:2]
    for example in (f"({one}) {USERS}", f"self.nixosModules.default ({two}) {USERS}"):
        made = f"({INPUTS} machine [ {example} ])"
        assert nix.evaluate(f"{made}.config.warnings") == []
        assert "opencoderouter@alice" in nix.evaluate(f"{made}.units")


def test_home_example(nix: Nix) -> None:
    """The home evaluates."""
    (example,) = EXAMPLES[2:]
    made = f'({INPUTS} person "x86_64-linux" [ ({example}) ])'
    assert set(nix.evaluate(f"{made}.config.systemd.user.services")) == {"opencoderouter"}


def test_options(nix: Nix) -> None:
    """Every option stands in the table, and no other."""
    options = set(nix.evaluate('names "" (nixos { }).options.services.opencoderouter'))
    table = TEXT.partition("## home-manager")[0]
    told = set(re.findall(r"(?m)^\| `([\w.]+)` \|", table))
    assert told == options - {"users"} | {"users.NAME"}
