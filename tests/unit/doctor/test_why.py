"""The decisions of ``why``: transcripts with a network that says what it is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from opencoderouter.doctor.checks import all_checks
from opencoderouter.doctor.hop import Connected, Hop, NotConnected, Said, Secured, Silent
from opencoderouter.doctor.lookup import Looked, Question
from opencoderouter.doctor.target import Here, Target
from opencoderouter.doctor.why import trace

HERE = Here(8080)
SHOP = {"slug": "shop", "path_prefix": "/shop/", "project_path": "/p/shop", "status": "ready"}
ROW = {**SHOP, "domain": "shop-al.local", "version": "1.2", "pid": 7, "port": 30000}
LITERAL, NAMED = "192.0.2.1:8080", "shop-al.local:8080"
REFUSED = {"error": "unauthenticated", "detail": "Who?", "hint": "Log in."}
Answers = Mapping[tuple[str, str], Said | Silent]
GOOD: Answers = {
    (LITERAL, "/api/health"): Said(200, {"healthy": True}),
    (NAMED, "/.ocr/login"): Said(200),
    (LITERAL, "/api/backends"): Said(200, [ROW]),
    (NAMED, "/api/backends"): Said(404),
    (NAMED, "/global/health"): Said(200, {"healthy": True, "version": "1.2"}, seconds=0.5),
}


@dataclass
class Net:
    """A ``Wire``. ``shown`` is what is answered to who shows a secret; None: it is not shown."""

    answers: Answers = field(default_factory=lambda: GOOD)
    looked: Looked = field(
        default_factory=lambda: Looked(Question("shop-al.local"), ("192.0.2.1",))
    )
    connected: Connected | list[NotConnected] = field(
        default_factory=lambda: Connected("192.0.2.1", 0.001)
    )
    secured: Secured | Silent = field(default_factory=lambda: Secured("TLSv1.3", 0.01))
    shown: Said | None = None

    def look_up(self, _: str) -> Looked:
        """Return what was told."""
        return self.looked

    def connect(self, _: Sequence[str], __: int) -> Connected | list[NotConnected]:
        """Return what was told."""
        return self.connected

    def secure(self, _: str, __: Target) -> Secured | Silent:
        """Return what was told."""
        return self.secured

    def ask(
        self, _: str, __: Target, path: str, *, host: str, show: bool = False
    ) -> Said | Silent | None:
        """Return what was told for this host and path."""
        if show and path == "/api/backends" and host == LITERAL:
            return self.shown
        return self.answers.get((host, path), Silent("nothing was told"))


def hops(net: Net, host: str = "shop-al.local", path: str = "/", scheme: str = "http") -> list[Hop]:
    """Return the hops of an address."""
    return list(trace(Target(scheme, host, 8080, path), net, HERE))


def last(net: Net, **address: str) -> Hop:
    """Return the last hop; all before it are in order."""
    found = hops(net, **address)
    assert all(hop.ok for hop in found[:-1])
    assert found[-1].ok or found[-1].mend
    return found[-1]


def told(**changes: Said | Silent) -> Net:
    """Return a network in which these answers are others: by a word for each."""
    keys = {
        "health": (LITERAL, "/api/health"),
        "login": (NAMED, "/.ocr/login"),
        "list": (LITERAL, "/api/backends"),
        "probe": (NAMED, "/global/health"),
    }
    return Net({**GOOD, **{keys[word]: said for word, said in changes.items()}})


def test_all_in_order() -> None:
    """Every hop is told, the backend last, with its version."""
    found = hops(Net())
    names = ["name", "connection", "router", "host", "access", "routing", "backend"]
    assert [hop.name for hop in found] == names
    assert all(hop.ok for hop in found)
    assert "OpenCode 1.2" in found[-1].seen
    assert "/p/shop" in found[-2].seen


def test_by_tls() -> None:
    """HTTPS has a hop of its own; the own certificate is good, with the doubt of others."""
    net = Net(secured=Secured("TLSv1.3", 0.1, "self-signed"))
    found = hops(net, scheme="https")
    assert [hop.name for hop in found][:4] == ["name", "connection", "tls", "router"]
    assert "self-signed" in found[2].seen


@pytest.mark.parametrize("untrusted", [True, False])
def test_tls_that_fails(untrusted: bool) -> None:  # noqa: FBT001 - both
    """A certificate that is not trusted, and a port that does not speak TLS, are told apart."""
    hop = last(Net(secured=Silent("bad", untrusted=untrusted)), scheme="https")
    assert hop.name == "tls"
    assert ("SSL_CERT_FILE" in hop.mend) == untrusted
    assert ("`--tls-cert FILE`" in hop.mend) == untrusted
    assert ("http://" in hop.mend) == (not untrusted)


def test_a_name_below_localhost_is_known_without_a_resolver() -> None:
    """Browsers go to loopback; that the resolver does not know the name is told."""
    net = Net(looked=Looked(Question("shop.localhost"), reason="unknown"))
    assert "unknown" not in hops(net, host="shop.localhost")[0].why
    assert hops(net, host="shop.localhost")[0].ok


def test_a_slow_name() -> None:
    """A name that takes long is in order, but told."""
    net = Net(looked=Looked(Question("shop-al.local"), ("192.0.2.1",), seconds=5.0))
    assert "slow" in hops(net)[0].seen


@pytest.mark.parametrize(
    ("kind", "host", "advice"),
    [
        ("refused", "127.0.0.1", "ocr-router serve --port 8080"),
        ("refused", "192.0.2.1", "--hostname 0.0.0.0"),
        ("timeout", "192.0.2.1", "firewall"),
        ("unreachable", "192.0.2.1", "ip route"),
    ],
)
def test_no_connection(kind: str, host: str, advice: str) -> None:
    """What helps depends on how it failed, and where."""
    hop = last(Net(connected=[NotConnected(host, kind, "no")]), host=host)
    assert (hop.name, hop.why) == ("connection", f"{host}:8080: no")
    assert advice in hop.mend


@pytest.mark.parametrize(
    "said",
    [
        Said(200, {"healthy": True, "version": "1.18.33"}),
        Said(200, {"healthy": True, "pid": 1}),
        Said(200, "hello"),
        Said(404),
        Silent("it hangs"),
    ],
)
def test_what_is_no_router(said: Said | Silent) -> None:
    """OpenCode itself, other servers, and those that say nothing."""
    assert last(told(health=said)).name == "router"


def test_a_router_behind_a_proxy() -> None:
    """What does not answer by its address may do so by its name."""
    net = Net(
        {
            **GOOD,
            (LITERAL, "/api/health"): Said(404),
            (NAMED, "/api/health"): Said(200, {"healthy": True}),
            (NAMED, "/api/backends"): Said(200, [ROW]),
        }
    )
    assert hops(net)[2].ok


def test_the_host_check() -> None:
    """421 is the Host check; a name can be allowed."""
    said = Said(421, {"error": "unknown_host", "detail": "No.", "hint": "Other."})
    hop = last(told(login=said))
    assert (hop.name, hop.why) == ("host", "No.")
    assert "`--allow-host shop-al.local`" in hop.mend


@pytest.mark.parametrize(
    ("shown", "word"), [(None, "asks who you are"), (Said(401, REFUSED), "does not take")]
)
def test_no_access(shown: Said | None, word: str) -> None:
    """Who has nothing to show, and who shows what is wrong, are told what lets them in."""
    net = told(list=Said(401, REFUSED))
    net.shown = shown
    hop = last(net)
    assert hop.name == "access"
    assert word in hop.why
    assert "Log in." in hop.mend


def test_access_by_a_secret() -> None:
    """What is shown to the own router lets one go on."""
    net = told(list=Said(401, REFUSED))
    net.shown = Said(200, [ROW])
    assert last(net).name == "backend"


def test_too_many_wrong_passwords() -> None:
    """The router's own words say how long to wait."""
    said = Said(429, {"error": "too_many_failures", "detail": "Too many.", "hint": "In 5 s."})
    hop = last(told(list=said))
    assert (hop.name, hop.why, hop.mend) == ("access", "Too many.", "In 5 s.")


def test_no_such_project() -> None:
    """The projects that there are are listed."""
    said = Said(404, {"error": "unknown_project", "detail": "None.", "hint": "Look."})
    hop = last(told(probe=said))
    assert (hop.name, hop.why, hop.mend) == ("routing", "None.", "Look. It has: shop")


@pytest.mark.parametrize(
    "said",
    [
        Said(503, {"error": "project_down", "detail": "Down.", "hint": "Start it."}),
        Said(502, {"error": "no_answer", "detail": "No answer.", "hint": "Again."}),
        Said(401),
        Silent("no answer in time"),
    ],
)
def test_no_backend(said: Said | Silent) -> None:
    """A server that is down, silent, or wants a password of its own."""
    hop = last(told(probe=said))
    assert hop.name == "backend"
    assert hop.why


def test_the_router_itself() -> None:
    """Under a name of the router's own there is no backend; a project's path leads to one."""
    net = Net({**GOOD, (NAMED, "/api/backends"): Said(200, [ROW])})
    assert (last(net).name, last(net, path="/api/x").name) == ("routing", "routing")
    by_path = {**net.answers, (NAMED, "/shop/global/health"): Said(200)}
    assert last(Net(by_path), path="/shop/session").name == "backend"


def test_checks_that_are_named_exist() -> None:
    """What is advised for a name in .local can be typed: one --only for each check."""
    net = Net(looked=Looked(Question("shop-al.local"), reason="Name or service not known"))
    mend = last(net).mend
    named = re.findall(r"--only ([^\s`]+)", mend)
    assert named
    assert set(named) <= {check.code for check in all_checks()}
