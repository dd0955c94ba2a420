"""What each kind of client needs, as files to be written and words for who does it by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

_DNS_PORT = 53
MARK = "Written by `ocr-router dns setup --apply`; `ocr-router dns setup --undo` takes it back."


@dataclass(frozen=True, slots=True)
class Server:
    """Where the fallback DNS listens, as its client sees it."""

    address: str
    port: int

    @property
    def bracketed(self) -> str:
        """Return the address as it stands before ``:PORT``."""
        return f"[{self.address}]" if ":" in self.address else self.address


@dataclass(frozen=True, slots=True)
class File:
    """A file that a recipe writes: an absolute path, and all that is to stand in it."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one kind of client needs.

    ``service`` takes the files up when ``reload`` is run; None when that is always to be run.
    ``commands`` are for a person to type, or to write into files that are not only ours. ``notes``
    say what it means, a paragraph each, in lines as they stand here.
    """

    system: str
    title: str
    files: tuple[File, ...] = ()
    service: str | None = None
    reload: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Return the notes, each as one line."""
        return tuple(" ".join(note.split()) for note in self.notes)


def recipe(system: str, server: Server, zones: tuple[str, ...]) -> Recipe:
    """Return the recipe of one of ``SYSTEMS``; ``zones`` are what the server is to be asked for."""
    return _MAKERS[system](server, zones)


def needs_port(system: str, server: Server) -> str:
    """Return why a client of this kind cannot ask a server on its port; empty when it can."""
    if system not in {"windows", "wsl", "container"} or server.port == _DNS_PORT:
        return ""
    how = "`ocr-router dns --listen ADDRESS:53`, and here --server ADDRESS:53"
    return f"These clients ask port {_DNS_PORT} only: {how}."


_ALL_LOCAL = """
    All names that end in .local are asked for here from now on, those of printers and of other
    machines too: `ocr-router dns` asks for them by mDNS, and passes on what it hears. While it does
    not run, none of them resolves.
"""
_OWN_ZONE = """
    A zone of your own always works: give --dns-zone dev.example.test to the router, which then goes
    by these names, to `ocr-router dns`, and to this command.
"""
_ALL_NAMES = """
    The server is then asked for every name there is, so it needs --dns-forward ADDRESS, with the
    DNS server that was asked before.
"""


def _resolved(server: Server, zones: tuple[str, ...]) -> Recipe:
    domains = " ".join(f"~{zone}" for zone in zones)
    text = f"[Resolve]\nDNS={server.bracketed}:{server.port}\nDomains={domains}\n"
    alone = """
        A server of resolved.conf is asked for other names too, beside those of the interfaces; this
        one refuses them, and the others' answer counts. So `resolvectl status` must show a DNS
        server at an interface. Where the only ones stand in /etc/resolv.conf, this one would take
        their place: name them to `ocr-router dns` by --dns-forward first.
    """
    delegate = """
        systemd 258 and later can do without that: there, the same two lines can stand under
        [Delegate] in /etc/systemd/dns-delegate.d/ocr-router.dns-delegate instead.
    """
    return Recipe(
        "resolved",
        "systemd-resolved (systemd 246 or later)",
        (_file("/etc/systemd/resolved.conf.d/ocr-router.conf", text),),
        "systemd-resolved",
        ("systemctl", "restart", "systemd-resolved"),
        notes=(_ALL_LOCAL, alone, delegate),
    )


def _networkmanager(server: Server, zones: tuple[str, ...]) -> Recipe:
    what = """
        NetworkManager then runs a dnsmasq of its own, which must be installed (dnsmasq-base), and
        writes 127.0.0.1 into /etc/resolv.conf. Where systemd-resolved is in use, set up that.
    """
    return Recipe(
        "networkmanager",
        "NetworkManager with its own dnsmasq",
        (
            _file("/etc/NetworkManager/conf.d/ocr-router.conf", "[main]\ndns=dnsmasq\n"),
            _file("/etc/NetworkManager/dnsmasq.d/ocr-router.conf", _forwards(server, zones)),
        ),
        "NetworkManager",
        ("nmcli", "general", "reload"),
        notes=(what, _ALL_LOCAL),
    )


def _dnsmasq(server: Server, zones: tuple[str, ...]) -> Recipe:
    what = """
        dnsmasq reads this directory when its configuration has `conf-dir=/etc/dnsmasq.d/,*.conf`
        or is started so, as Debian does. `rebind-domain-ok` matters with --stop-dns-rebind only:
        these names have private addresses.
    """
    return Recipe(
        "dnsmasq",
        "of this machine, or of a network",
        (_file("/etc/dnsmasq.d/ocr-router.conf", _forwards(server, zones)),),
        "dnsmasq",
        ("systemctl", "restart", "dnsmasq"),
        notes=(what, _ALL_LOCAL),
    )


def _macos(server: Server, zones: tuple[str, ...]) -> Recipe:
    text = f"nameserver {server.address}\nport {server.port}\n"
    seen = "`scutil --dns` lists what is in force; dig and nslookup do not heed it."
    mdns = """
        macOS asks by mDNS for .local; not every version and program asks a server for it as well,
        whatever stands here.
    """
    return Recipe(
        "macos",
        "macOS (resolver(5))",
        tuple(_file(f"/etc/resolver/{zone}", text) for zone in zones),
        reload=("killall", "-HUP", "mDNSResponder"),
        notes=(seen, mdns + _OWN_ZONE, _ALL_LOCAL),
    )


def _windows(server: Server, zones: tuple[str, ...]) -> Recipe:
    spaces = ", ".join(f'".{zone}"' for zone in zones)
    add = f'Add-DnsClientNrptRule -Namespace {spaces} -NameServers "{server.address}"'
    mine = 'Get-DnsClientNrptRule | Where-Object Comment -eq "ocr-router"'
    where = """
        To be typed in a PowerShell of an administrator. Rules outlast a restart. nslookup does not
        heed them, Resolve-DnsName does.
    """
    return Recipe(
        "windows",
        "Windows (Name Resolution Policy Table)",
        commands=(
            f'{add} -Comment "ocr-router"',
            "Clear-DnsClientCache",
            "# to undo it:",
            f"{mine} | Remove-DnsClientNrptRule -Force",
        ),
        notes=(where, "Windows may ask by mDNS for .local, too." + _OWN_ZONE, _ALL_LOCAL),
    )


def _wsl(server: Server, zones: tuple[str, ...]) -> Recipe:
    del zones
    tunnel = """
        With DNS tunnelling, on by default since WSL 2.2.1, Windows answers for WSL: then this is
        for Windows to be told (`ocr-router dns setup windows`), and there is nothing to do here.
    """
    return Recipe(
        "wsl",
        "Windows Subsystem for Linux",
        commands=(
            "# in /etc/wsl.conf",
            "[network]",
            "generateResolvConf = false",
            "# in /etc/resolv.conf, a file instead of the link, after `wsl --shutdown`",
            f"nameserver {server.address}",
        ),
        notes=(tunnel, _ALL_NAMES),
    )


def _container(server: Server, zones: tuple[str, ...]) -> Recipe:
    del zones
    where = """
        127.0.0.1 is the container itself: name an address of its host that it can reach, such as
        that of the bridge, and let `ocr-router dns` listen there. A container with its host's
        network (--network host) uses what the host uses.
    """
    return Recipe(
        "container",
        "Docker, Podman, Compose",
        commands=(
            f"docker run --dns {server.address} IMAGE",
            f"podman run --dns {server.address} IMAGE",
            "# in compose.yaml",
            "services:",
            "  app:",
            "    dns:",
            f'      - "{server.address}"',
        ),
        notes=(where, _ALL_NAMES),
    )


def _nss_mdns(server: Server, zones: tuple[str, ...]) -> Recipe:
    del server, zones
    what = """
        Programs that use glibc ask Avahi for names such as host.local, and never DNS: when Avahi
        finds none, that is the answer, whatever server is set up. As long as mDNS works, nothing
        need be done.
    """
    claim = """
        nss-mdns stands aside, for every name in .local, when DNS has an SOA record of `local`.
        `ocr-router dns --dns-claim-local` makes it so, for all clients that ask this server: then
        it must run, and all their questions for .local go through it.
    """
    return Recipe(
        "nss-mdns",
        "`mdns4_minimal [NOTFOUND=return]` in /etc/nsswitch.conf",
        notes=(what, claim, "Names of another zone are asked for by DNS." + _OWN_ZONE),
    )


_MAKERS: Mapping[str, Callable[[Server, tuple[str, ...]], Recipe]] = {
    "resolved": _resolved,
    "networkmanager": _networkmanager,
    "dnsmasq": _dnsmasq,
    "macos": _macos,
    "windows": _windows,
    "wsl": _wsl,
    "container": _container,
    "nss-mdns": _nss_mdns,
}
SYSTEMS = tuple(_MAKERS)


def _file(path: str, text: str) -> File:
    return File(path, f"# {MARK}\n{text}")


def _forwards(server: Server, zones: tuple[str, ...]) -> str:
    to = f"{server.address}#{server.port}"
    return "".join(f"server=/{zone}/{to}\nrebind-domain-ok=/{zone}/\n" for zone in zones)
