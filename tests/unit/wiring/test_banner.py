"""What is printed at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import backend

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Listener, Status
from opencoderouter.core.table import Table
from opencoderouter.kernel.addresses import Interface
from opencoderouter.registry import Registry
from opencoderouter.settings import Settings
from opencoderouter.wiring import banner

MARK = ("/.dockerenv",)
HERE, EVERYWHERE = ["192.0.2.7"], ["0.0.0.0", "::"]
WORDS = ("starts `opencode serve` there", "in a project's", "the router starts")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in no container, wherever these tests run."""
    monkeypatch.setattr(banner, "container_marks", lambda _: ())


def test_the_first_lines_say_where_everything_is() -> None:
    """Dashboard and API have their addresses; a loopback bind is called what it is."""
    text = banner.opening(Settings(port=8081), ["127.0.0.1"], HERE)
    assert "http://localhost:8081/\n" in text
    assert "http://localhost:8081/api/backends" in text
    assert "this machine only" in text


def test_an_open_bind_says_what_it_means() -> None:
    """Who opens the router to the network reads how others come in, or that all get a shell."""
    guarded = banner.opening(Settings(port=8081), ["0.0.0.0"], HERE)
    text = banner.opening(Settings(port=8081, auth="off"), ["0.0.0.0"], HERE)
    assert "asks for the password: `" in guarded
    assert "ocr-router password` shows it\n" in guarded
    assert "EVERYBODY" not in guarded
    assert "EVERYBODY" in text
    assert ":8081/" in text


def test_who_is_asked_here_is_told() -> None:
    """With ``--auth always`` the user himself needs the password, also where nobody else comes."""
    for address, told in (("127.0.0.1", "asks you, too, for"), ("0.0.0.0", "; here, too (--auth")):
        assert told in banner.opening(Settings(auth="always"), [address], HERE)
        assert told not in banner.opening(Settings(), [address], HERE)


def test_where_the_password_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the user's own it says where it stands, else what shows it; never the password."""
    monkeypatch.delenv("OCR_PASSWORD", raising=False)

    def told(**given: object) -> str:
        settings = Settings.model_validate({"mdns": False, **given})
        return banner.opening(settings, ["0.0.0.0"], HERE).partition("asks for the password")[2]

    assert told(password_file="/run/pass") == " in /run/pass"
    elsewhere = told(state_dir=tmp_path / "my state")
    assert elsewhere.endswith(f"password --state-dir '{tmp_path}/my state'` shows it")
    monkeypatch.setenv("OCR_PASSWORD", "secretive")
    assert told() == " in OCR_PASSWORD"


def test_commands_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who has the program not on PATH, as after `make run`, is told where it is."""
    (tmp_path / "bin dir").mkdir()
    program = tmp_path / "bin dir" / "ocr-router"
    program.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(program.with_name("opencoderouter"))])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"    '{program}' start DIRECTORY " in banner.projects(
        Table(), {}, Settings(), EVERYWHERE
    )
    lines = banner.projects(Table(), {}, Settings(), EVERYWHERE).splitlines()[2:5]
    assert len({line.index(words) for line, words in zip(lines, WORDS, strict=True)}) == 1
    monkeypatch.setenv("PATH", str(program.parent))
    assert "    ocr-router start DIRECTORY " in banner.projects(Table(), {}, Settings(), EVERYWHERE)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["-m"])
    assert "    ocr-router start DIRECTORY " in banner.projects(Table(), {}, Settings(), EVERYWHERE)


def test_tls_is_told() -> None:
    """Where certificate and key are given, all addresses begin with https."""
    settings = Settings(port=8081, tls_cert=Path("/cert.pem"), tls_key=Path("/key.pem"))
    text = banner.opening(settings, ["0.0.0.0"], HERE)
    table = Table(leases={"/home/alice/blog": "blog"})
    managed = {"/home/alice/blog": Managed("/home/alice/blog", Status.STARTING)}
    assert "ocr-router ls --port 8081 --tls-cert /cert.pem`" in text
    text += banner.projects(table, managed, settings, EVERYWHERE)
    assert text.count("https://") == 5
    assert "http://" not in text


def test_each_project_has_a_line() -> None:
    """Found and managed projects alike are listed with the address of their own."""
    registry = Registry()
    listener = Listener("127.0.0.1", 30000)
    registry.observe(Backend(listener, Identity("/home/alice/shop", "1"), Status.READY))
    registry.lease("/home/alice/blog")
    managed = {"/home/alice/blog": Managed("/home/alice/blog", Status.STARTING)}
    text = banner.projects(registry.table, managed, Settings(), EVERYWHERE)
    assert "http://blog.localhost:8080/  /home/alice/blog" in text
    assert "http://shop.localhost:8080/  /home/alice/shop" in text


def test_without_a_project_it_says_how_to_get_one() -> None:
    """An empty router is no dead end."""
    assert "ocr-router start DIRECTORY" in banner.projects(Table(), {}, Settings(), EVERYWHERE)


def test_names_on_the_network() -> None:
    """They are told where there are any, and where the DNS server listens."""
    given = Settings(username="alice", dns="127.0.0.1:8053,[::1]:8053")
    for addresses in ([], HERE):
        text = banner.opening(given, EVERYWHERE, addresses)
        assert ("http://PROJECT-alice.local:8080/" in text) is bool(addresses)
        assert "  DNS        127.0.0.1:8053\n  DNS        [::1]:8053" in text


def test_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a route the machine still has an address, unless it has none."""
    monkeypatch.setattr(banner, "_ELSEWHERE", ("255.255.255.255", 9))  # may not be connected to
    found = [(Interface("eth0", 2, ("192.0.2.7", "2001:db8::7")),), ()]
    monkeypatch.setattr(banner, "interfaces", lambda: found.pop(0))
    assert [banner.outbound(), banner.outbound()] == ["192.0.2.7", "127.0.0.1"]


def test_one_address() -> None:
    """Where the router listens on one address only, that is where everything is, here too."""
    bound = ["2001:db8::7"]
    assert "http://[2001:db8::7]:8080/\n" in banner.opening(Settings(), bound, bound)
    found = Registry()
    found.observe(backend("/home/alice/shop"))
    told = banner.projects(found.table, {}, Settings(), bound)
    assert "http://[2001:db8::7]:8080/shop/" in told
    assert "localhost" not in told


@pytest.mark.parametrize(
    ("marks", "hardware", "processes", "users", "words"),
    [
        ((), False, False, False, ""),
        (MARK, False, True, True, "not found without --network host --pid host, or --backend;"),
        (MARK, False, True, False, "not found without --network host, or --backend;"),
        (MARK, True, False, True, "on --scan-start to --scan-end only, without --pid host;"),
        (MARK, True, True, False, "on --scan-start to --scan-end only;"),
        (MARK, True, True, True, ""),
    ],
)
def test_in_a_container(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    marks: tuple[str],
    words: str,
    *,
    hardware: bool,
    processes: bool,
    users: bool,
) -> None:
    """What it does not see is said first, and nobody is sent to start servers where none can be."""
    monkeypatch.setattr(banner, "container_marks", lambda _: marks)
    monkeypatch.setattr(banner, "sees_hardware", lambda: hardware)
    monkeypatch.setattr(banner, "sees_all_processes", lambda: processes)
    monkeypatch.setattr(banner, "tells_users_apart", lambda: users)
    monkeypatch.setenv("PATH", str(tmp_path))
    text = banner.opening(Settings(), ["0.0.0.0"], HERE)
    nothing = banner.projects(Registry().table, {}, Settings(), ["0.0.0.0"])
    assert words in text
    assert ("  Container  " in text) is bool(words)
    assert ("start DIRECTORY" in nothing) is (not marks)
    assert ("--user UID:GID" in nothing) is (marks == MARK and not words)
    (tmp_path / "opencode").touch(mode=0o755)
    nothing = banner.projects(Registry().table, {}, Settings(), ["0.0.0.0"])
    assert ("start DIRECTORY" in nothing) is (not words)


def test_a_network_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address and no name is told that nobody else can use; who gets in all the same is."""
    monkeypatch.setattr(banner, "container_marks", lambda _: MARK)
    told = dict[bool, str]()
    for hardware in (True, False):
        monkeypatch.setattr(banner, "sees_hardware", lambda seen=hardware: seen)
        told[hardware] = banner.opening(Settings(username="al"), ["0.0.0.0"], HERE)
    assert "PROJECT-al.local" in told[True]
    assert banner.outbound() in told[True]
    assert "PROJECT-al.local" not in told[False]
    assert banner.outbound() not in told[False]
    assert "by a published port (--publish 8080)  asks for the password" in told[False]
