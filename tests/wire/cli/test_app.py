"""``ocr-router`` as a person types it: what it prints where, and how it ends."""

from __future__ import annotations

import pytest
from tests.wire.cli.conftest import Run

WRONG = [
    (("serve", "--port", "70000"), "ocr-router: --port 70000: must be 1 to 65535\n"),
    (("serve", ".", "--scan-interval", "1ms"), "ocr-router: --scan-interval 1ms: must be"),
    (("serve", "--scan-end", "5"), "ocr-router: --scan-end 5: must be 30000"),
    (("serve", "--tls-cert", "/c"), "ocr-router: --tls-cert /c: needs the key, too"),
    (("serve", "--backend", "x"), "ocr-router: --backend: must be NAME=http://"),
    (("serve", "--allow-host", "a b"), "ocr-router: --allow-host a b: must be a host name"),
    (("serve", "--password", "x"), "ocr-router: --password: there is no such option, others"),
    (("password", "--password=x"), "ocr-router: --password: there is no such option, others"),
    (("serve", "--passwort", "x"), "ocr-router: No such option: --passwort"),
    (("ls", "--router", "http://a:pass@h:1"), "ocr-router: --router: no password can stand in it"),
    (("token",), "ocr-router: Missing command. (see `ocr-router token --help`)\n"),
    (("token", "create"), "ocr-router: Missing argument 'NAME'. (see `ocr-router token create --h"),
    (("token", "create", "a b"), "ocr-router: NAME a b: must be of letters, digits"),
    (("token", "create", "a", "--expires", "1y"), "ocr-router: --expires 1y: must be 1ms to 3650d"),
    (("token", "create", "a", "--expires", "3651d"), "ocr-router: --expires 3651d: must be 1ms to"),
    (("token", "create", "a", "--project", "X Y"), "ocr-router: --project X Y: must be a project"),
    (("audit", "-n", "0"), "ocr-router: Invalid value for '-n'"),
    (("serve", "/no/such/place"), "ocr-router: /no/such/place: there is no such directory\n"),
    (("serve", "/etc/passwd"), "ocr-router: /etc/passwd: not a directory\n"),
    (("serve", "--auth", "off", "--hostname", "192.0.2.1"), "ocr-router: --hostname 192.0.2.1: "),
    (("serve", "--hostname", "no.such.invalid", "--auth", "off"), "ocr-router: --hostname no.such"),
    (("serve", "--nonsense"), "ocr-router: No such option: --nonsense"),
    (("serve", "--mdns=perhaps"), "ocr-router: Option '--mdns'"),
    (("nonsense",), "ocr-router: No such command 'nonsense'"),
    (("ls", "--router", "localhost:1"), "ocr-router: --router localhost:1: must be an http://"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """Nothing is started; stderr has one line that names what is wrong."""
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "pass@" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["ls", "resolve", "open", "env", "stop"])
def test_help_tells_how_a_router_is_shown_a_token(run: Run, command: str) -> None:
    """Commands that ask a router name the variable that it is shown."""
    assert "OCR_TOKEN" in run(command, "--help").stdout


def test_the_original_name_serves(run: Run) -> None:
    """``opencoderouter ARGUMENTS`` is ``ocr-router serve ARGUMENTS``."""
    done = run("--port", "0", program="opencoderouter")
    assert (done.returncode, done.stderr) == (2, "ocr-router: --port 0: must be 1 to 65535\n")
