"""Settings: precedence, validation, and what the user is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.settings import DURATIONS, Settings, SettingsError, config_path, load


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the config file in force; no ``OCR_*`` but that is set."""
    import os

    for name in [name for name in os.environ if name.upper().startswith("OCR_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "config.toml"
    path.touch()
    monkeypatch.setenv("OCR_CONFIG", str(path))
    return path


def test_the_defaults_are_those_of_the_original(file: Path) -> None:
    """Without flags, environment and file, the documented defaults hold."""
    assert not file.read_text()
    settings, origin = load({})
    expected = {
        "port": 8080,
        "hostname": "0.0.0.0",
        "scan_start": 30000,
        "scan_end": 31000,
        "scan_interval": 5.0,
        "scan_concurrency": 20,
        "probe_timeout": 0.8,
        "stale_after": 30.0,
        "mdns": True,
    }
    assert {name: getattr(settings, name) for name in expected} == expected
    assert set(origin.values()) == {"default"}
    assert settings.ports == range(30000, 31001)


def test_flag_beats_environment_beats_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer wins over those below it, setting by setting, and says that it did."""
    file.write_text('port = 1001\nscan_start = 1001\nscan_end = 1002\nscan_interval = "9s"\n')
    monkeypatch.setenv("OCR_SCAN_START", "1000")
    monkeypatch.setenv("OCR_SCAN_END", "2000")
    monkeypatch.setenv("OCR_MDNS", "")  # empty is not given
    settings, origin = load({"scan_end": "3000", "port": None})
    assert (settings.port, settings.scan_interval) == (1001, 9.0)
    assert (settings.scan_start, settings.scan_end) == (1000, 3000)
    wanted = ("port", "scan_start", "scan_end", "mdns")
    assert [origin[name] for name in wanted] == ["file", "environment", "flag", "default"]


REFUSED = [
    ({"port": "0"}, "--port 0: must be 1 to 65535"),
    ({"port": "70000"}, "--port 70000: must be 1 to 65535"),
    ({"port": "x"}, "--port x: must be 1 to 65535"),
    ({"scan_start": "0"}, "--scan-start 0: must be 1 to 65535"),
    ({"scan_end": "70000"}, "--scan-end 70000: must be 1 to 65535"),
    ({"scan_end": "29999"}, "--scan-end 29999: must be 30000 (--scan-start) to 65535"),
    ({"username": ""}, "--username : must be 1 to 32 characters"),
    ({"scan_interval": "500ms"}, "--scan-interval 500ms: must be a duration such as"),
    ({"scan_interval": "5"}, "--scan-interval 5: must be a duration such as"),
    ({"scan_concurrency": "0"}, "--scan-concurrency 0: must be 1 to 1000"),
    ({"scan_concurrency": "-1"}, "--scan-concurrency -1: must be 1 to 1000"),
    ({"probe_timeout": "0s"}, "--probe-timeout 0s: must be a duration such as"),
    ({"stale_after": "0s"}, "--stale-after 0s: must be a duration such as"),
    ({"mdns": "perhaps"}, "--mdns perhaps: must be true or false"),
    ({"mdns_txt": "some"}, "--mdns-txt some: must be full or minimal"),
    ({"mdns_interface": ["a/b"]}, "--mdns-interface a/b: must be a network interface"),
    ({"mdns_interface": ["!"]}, "--mdns-interface !: must be a network interface"),
    ({"dns": ["53"]}, "--dns 53: must be ADDRESS:PORT"),
    ({"dns": ["box:53"]}, "--dns box:53: must be ADDRESS:PORT"),
    ({"dns": ["::1:53"]}, "--dns ::1:53: must be ADDRESS:PORT"),
    ({"dns": ["[127.0.0.1]:53"]}, "--dns [127.0.0.1]:53: must be ADDRESS:PORT"),
    ({"dns": ["127.0.0.1:0"]}, "--dns 127.0.0.1:0: must be ADDRESS:PORT"),
    ({"dns": ["127.0.0.1:65536"]}, "--dns 127.0.0.1:65536: must be ADDRESS:PORT"),
    ({"dns_zone": "local"}, "--dns-zone local: must be a domain such as"),
    ({"dns_zone": "dev.local"}, "--dns-zone dev.local: must be a domain such as"),
    ({"dns_zone": "*.dev.test"}, "--dns-zone *.dev.test: must be a domain such as"),
    ({"dns_forward": ["dns.test"]}, "--dns-forward dns.test: must be the address of"),
    ({"dns_allow": ["192.0.2.1/24"]}, "--dns-allow 192.0.2.1/24: must be a network"),
    ({"auth": "never"}, "--auth never: must be auto, always or off"),
    ({"password": "short"}, "--password: must be 8 characters or more"),
    ({"allow_host": ["192.0.2.1"]}, "--allow-host 192.0.2.1: must be a host name, or *.NAME"),
    ({"allow_host": ["ok", "a b"]}, "--allow-host ok,a b: must be a host name"),
    ({"allow_host": ["box:80"]}, "--allow-host box:80: must be a host name"),
    ({"allow_host": ["a.*"]}, "--allow-host a.*: must be a host name"),
    ({"allow_host": ["*"]}, "--allow-host *: must be a host name"),
    ({"allow_origin": ["null"]}, "--allow-origin null: must be SCHEME://HOST[:PORT]"),
    ({"allow_origin": ["*"]}, "--allow-origin *: must be SCHEME://HOST[:PORT]"),
    ({"allow_origin": ["https://a/b"]}, "--allow-origin https://a/b: must be"),
    ({"allow_origin": ["https://u@a"]}, "--allow-origin https://u@a: must be"),
    ({"allow_origin": ["https://a:99999"]}, "--allow-origin https://a:99999: must be"),
    ({"backend": ["shop=ftp://u:secret@h:1"]}, "--backend: must be NAME=http://"),
    ({"log_size": "50"}, "--log-size 50: must be 1MB to 1000GB"),
    ({"log_size": "0MB"}, "--log-size 0MB: must be 1MB to 1000GB"),
    ({"api_rate": "0"}, "--api-rate 0: must be 1 to 1000000"),
    ({"max_unauthenticated": "0"}, "--max-unauthenticated 0: must be 1 to 65535"),
    ({"log_format": "xml"}, "--log-format xml: must be text or json"),
    ({"log_level": "loud"}, "--log-level loud: must be debug, info, warning or error"),
    ({"access_log": ""}, "--access-log : must be off, - (stderr) or a file"),
    ({"access_log_format": "xml"}, "--access-log-format xml: must be common or json"),
    ({"workers": "0"}, "--workers 0: must be 1 to 64"),
    ({"workers": "65"}, "--workers 65: must be 1 to 64"),
    ({"max_connections": "0"}, "--max-connections 0: must be 1 to 1000000"),
    (
        {"max_connections_per_address": "65536"},
        "--max-connections-per-address 65536: must be 1 to 65535",
    ),
    ({"max_websockets": "-1"}, "--max-websockets -1: must be 0 to 1000000"),
    ({"max_request_line": "1023"}, "--max-request-line 1023: must be 1024 to 1048576 octets"),
    ({"max_header_size": "64k"}, "--max-header-size 64k: must be 1024 to 1048576 octets"),
    ({"max_header_fields": "15"}, "--max-header-fields 15: must be 16 to 10000"),
    ({"header_timeout": "10"}, "--header-timeout 10: must be a duration such as"),
    ({"header_timeout": "99ms"}, "--header-timeout 99ms: must be a duration such as"),
    ({"keepalive_timeout": "0s"}, "--keepalive-timeout 0s: must be a duration such as"),
    ({"port": "x", "scan_end": "x"}, "--port x: must be 1 to 65535"),
]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(("flags", "message"), REFUSED)
def test_a_bad_value_is_named_with_what_is_allowed(flags: dict[str, str], message: str) -> None:
    """The first bad option is told in one line: option, value, allowed range."""
    with pytest.raises(SettingsError) as caught:
        load(flags)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_bad_value_is_told_where_it_stands(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error names the variable, or the file and line's setting, that it came from."""
    monkeypatch.setenv("OCR_PORT", "99999")
    with pytest.raises(SettingsError, match=r"^OCR_PORT=99999: must be 1 to 65535$"):
        load({})
    monkeypatch.delenv("OCR_PORT")
    for text, message in (
        ("port = 0", "config.toml: port = 0: must be 1 to 65535"),
        ("prt = 1", "config.toml: prt: there is no such setting"),
        ("port =", "config.toml: "),
        ("scan_end = 5", "config.toml: scan_end = 5: must be 30000"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load({})
        assert message in str(caught.value)


def test_the_limits_are_what_is_set(file: Path) -> None:
    """The lane's own limits hold, but for those that are given, each by its own setting."""
    assert not file.read_text()
    assert load({})[0].limits == Limits()
    given = {
        "max_connections": 1,
        "max_connections_per_address": 2,
        "max_unauthenticated": 9,
        "max_websockets": 3,
        "max_request_line": 4000,
        "max_header_size": 5000,
        "max_header_fields": 60,
        "header_timeout": "7s",
        "keepalive_timeout": "8s",
    }
    assert load(given)[0].limits == Limits(1, 2, 9, 3, 4000, 5000, 60, 7.0, 8.0)


def test_durations_are_known_as_such() -> None:
    """Every setting in seconds is shown as a duration."""
    assert {name for name, x in Settings.model_fields.items() if x.annotation is float} == DURATIONS


def test_a_log_may_be_in_the_home(file: Path) -> None:
    """``~`` is the home directory there, too; the words mean what they say."""
    assert not file.read_text()
    assert load({"access_log": "~/access.log"})[0].access_log == str(
        Path("~/access.log").expanduser()
    )
    assert [load({"access_log": word})[0].access_log for word in ("off", "-")] == ["off", "-"]


def test_the_owner_is_a_host_label() -> None:
    """A user name becomes what fits into a host name."""
    assert Settings(username="Alice.B").owner == "alice-b"


def test_the_file_is_found_by_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OCR_CONFIG`` names the file, else it lies in the XDG directory, else in ``~/.config``."""
    monkeypatch.setenv("OCR_CONFIG", "/x/y.toml")
    assert config_path() == Path("/x/y.toml")
    monkeypatch.delenv("OCR_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert config_path() == Path("/xdg/opencoderouter/config.toml")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/alice")
    assert config_path() == Path("/home/alice/.config/opencoderouter/config.toml")


def test_any_user_has_a_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long name is cut, and a uid without an entry has its number, as the default."""
    assert not file.read_text()
    monkeypatch.setenv("LOGNAME", "DOMAIN-" * 9)
    assert load({})[0].username == ("DOMAIN-" * 9)[:32]

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nobody)
    assert load({})[0].username.startswith("uid-")
    assert len(Settings(username="\ufdfd" * 10).owner) <= 32


def test_a_home_may_be_meant(file: Path) -> None:
    """``~`` in the file is the home directory, as in a shell."""
    file.write_text('state_dir = "~/names"')
    assert load({})[0].state_dir == Path("~/names").expanduser()


def test_a_named_file_must_be_there(file: Path) -> None:
    """Who names a file means it: a missing one is no empty one."""
    file.unlink()
    with pytest.raises(SettingsError, match="there is no such file"):
        load({})


def test_several_values(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags and the file have lists, the environment commas; one layer's list is the whole one."""
    file.write_text('allow_host = ["one.test", "two.test"]\nallow_origin = "https://x.test"\n')
    settings, origin = load({"allow_origin": [], "allow_host": None})
    assert settings.allow_host == ("one.test", "two.test")
    assert settings.allow_origin == ("https://x.test",)
    assert origin["allow_origin"] == "file"
    monkeypatch.setenv("OCR_ALLOW_HOST", "three.test, *.Four.Test.,")
    assert load({})[0].allow_host == ("three.test", "*.four.test")
    assert load({"allow_host": ["five"]})[0].allow_host == ("five",)


def test_an_origin_is_as_browsers_send_it(file: Path) -> None:
    """Small letters, no port that goes without saying, no slash; any scheme, as of an app."""
    assert not file.read_text()
    written = ["HTTPS://A.Test:443/", "http://[::1]:80", "https://a.test:80", "tauri://localhost"]
    expected = ("https://a.test", "http://[::1]", "https://a.test:80", "tauri://localhost")
    assert load({"allow_origin": written})[0].allow_origin == expected


def test_secrets_are_shown_nowhere(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings as text nor errors have a password in them, wherever it came from."""
    url = "shop=http://me:secretive@h:1"
    settings, _ = load({"password": "secretive", "backend": [url]})
    assert settings.password is not None
    assert settings.password.get_secret_value() == "secretive"
    assert settings.sources.password == "secretive"
    assert settings.backend[0].authorization is not None
    shown = settings.model_dump(mode="json")
    assert (shown["password"], shown["backend"]) == ("**********", ["shop=http://***@h:1"])
    assert "secretive" not in f"{settings!r} {settings} {settings.sources!r} {shown}"
    for name, value in (("password", "sesame"), ("backend", f"{url}/path")):
        file.write_text("")
        monkeypatch.setenv(f"OCR_{name.upper()}", value)
        with pytest.raises(SettingsError, match=f"^OCR_{name.upper()}: must be ") as caught:
            load({})
        assert not {"sesame", "secretive"} & set(re.findall(r"[a-z]+", str(caught.value)))
        monkeypatch.delenv(f"OCR_{name.upper()}")
        file.write_text(f'{name} = "{value}"\npasword = "secretive"\n')
        with pytest.raises(SettingsError) as caught:
            load({})
        assert not {"sesame", "secretive"} & set(re.findall(r"[a-z]+", str(caught.value)))


def test_a_password_in_a_file_that_others_can_read(file: Path) -> None:
    """It is no secret any more: the router does not start with it."""
    file.write_text('password = "secretive"\n')
    file.chmod(0o644)
    with pytest.raises(SettingsError, match=r"config\.toml: password: others can read the file"):
        load({})
    file.chmod(0o600)
    assert load({})[1]["password"] == "file"


def test_a_password_that_is_empty(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to fill it has failed; to draw one instead would hide that."""
    assert not file.read_text()
    monkeypatch.setenv("OCR_PASSWORD", "")
    with pytest.raises(SettingsError, match=r"^OCR_PASSWORD: is empty; unset it"):
        load({})


def test_where_the_password_stands(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a variable, the configuration, a file of its own, or nowhere: one is drawn."""
    assert load({})[0].password_from is None
    assert load({"password_file": "/run/pass"})[0].password_from == "/run/pass"
    file.write_text('password = "secretive"\n')
    file.chmod(0o600)
    assert load({"password_file": "/run/pass"})[0].password_from == str(file)
    monkeypatch.setenv("OCR_PASSWORD", "secretive")
    assert load({})[0].password_from == "OCR_PASSWORD"


def test_where_the_password_comes_from(file: Path) -> None:
    """What the keys are made of is what is set."""
    assert not file.read_text()
    given = {"port": 9, "auth": "always", "password_file": "~/p", "state_dir": "/s"}
    sources = load(given | {"tls_cert": "/c", "tls_key": "/k"})[0].sources
    assert (sources.port, sources.auth, sources.secure) == (9, "always", True)
    assert sources.password_file == Path("~/p").expanduser()
    assert sources.state_dir == Path("/s")
    assert not load(given)[0].sources.secure


def test_dns_settings() -> None:
    """Addresses and networks are read, and written as they were given."""
    given = {"dns": "127.0.0.1:8053, [::1]:53", "dns_allow": "192.0.2.0/24,2001:db8::/32"}
    more = {"dns_zone": "Dev.Example.Test.", "dns_forward": "192.0.2.1"}
    settings = Settings.model_validate(given | more)
    assert settings.dns == (("127.0.0.1", 8053), ("::1", 53))
    shown = settings.model_dump(mode="json")
    assert shown["dns"] == ["127.0.0.1:8053", "[::1]:53"]
    assert shown["dns_allow"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert (settings.dns_zone, settings.dns_forward) == ("dev.example.test", ("192.0.2.1",))


@pytest.mark.parametrize(
    ("auth", "asked", "told"),
    [
        ("auto", None, "minimal"),
        ("always", None, "minimal"),
        ("off", None, "full"),
        ("auto", "full", "full"),
        ("off", "minimal", "minimal"),
    ],
)
def test_what_is_told(auth: str, asked: str | None, told: str) -> None:
    """Where a password is asked for, others on the network are not told directories either."""
    assert Settings(auth=auth, mdns_txt=asked).txt == told


@pytest.mark.usefixtures("file")
def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry and without HOME has settings, and no state in what may be there."""

    def unknown(uid: int) -> object:
        raise KeyError(uid)

    for name in ("HOME", "XDG_STATE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    settings, _ = load({"tls_cert": "~/cert"})
    assert settings.state_dir == Path("/nonexistent/.local/state/opencoderouter")
    assert settings.username.startswith("uid-")
    assert settings.tls_cert == Path("~/cert")
