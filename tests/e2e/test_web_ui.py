"""OpenCode's own web interface works in a real browser, on the project's own host."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.rig.fleet import Fleet
from tests.rig.opencode import Rig
from tests.rig.router import Router, router
from tests.rig.sessions import open_session
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE = 60_000  # ms
PASSWORD = "correct horse"


@pytest.fixture
def page() -> Iterator[Page]:
    """Return a page of Debian's Chromium."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        flags += ["--host-resolver-rules=MAP *.local 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@pytest.fixture
def session_page(page: Page, fleet: Fleet) -> Page:
    """Return the page of a new session of ``alpha``."""
    folder = base64.urlsafe_b64encode(str(fleet.alpha).encode()).decode().rstrip("=")
    page.goto(f"http://{fleet.host}/{folder}/session/{open_session(fleet.url)}")
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=PATIENCE)
    return page


def test_address(page: Page, fleet: Fleet) -> None:
    """A browser that opens the path-mode address ends up on the project's host, in the UI."""
    page.goto(f"{fleet.url}?from=path")
    assert page.url.startswith(f"http://{fleet.host}/")
    expect(page.get_by_role("button", name="New session").first).to_be_visible(timeout=PATIENCE)


def test_prompt(session_page: Page) -> None:
    """What is typed is answered, and the answer appears by itself."""
    session_page.get_by_role("textbox").last.click()
    session_page.keyboard.type("hello browser")
    session_page.keyboard.press("Enter")
    expect(session_page.get_by_text("You said: hello browser")).to_be_visible(timeout=PATIENCE)


def test_terminal(session_page: Page, fleet: Fleet) -> None:
    """A terminal can be opened in the page, and its shell runs in the project."""
    with session_page.expect_websocket(lambda socket: "/pty/" in socket.url) as terminal:
        session_page.keyboard.press("Control+`")
    assert terminal.value.url.startswith(f"ws://{fleet.host}/pty/")
    session_page.locator("canvas").click()
    mine = fleet.alpha / "typed-in-the-browser"
    session_page.keyboard.type(f"touch {mine.name}\n")
    until(mine.exists, within=20)


def named(strict: Router, directory: Path) -> str | None:
    """Return the slug of a project that is ready, for who shows the password."""
    asked = Request(f"{strict.url}/api/backends")  # noqa: S310 - the rig's own http address
    asked.add_header("Authorization", f"Bearer {PASSWORD}")
    with urlopen(asked, timeout=20) as answer:  # noqa: S310 - the same
        rows = json.load(answer)
    found = (row for row in rows if row["project_path"] == str(directory))
    return next((row["slug"] for row in found if row["status"] == "ready"), None)


def test_after_a_login(page: Page, fleet: Fleet, rig: Rig, tmp_path: Path) -> None:
    """The interface works for who has logged in, by plain HTTP and a name of the network.

    There the browser says less of who asks: each of its requests must be seen to be its page's.
    """
    environment = {**rig.environment(), "OCR_PASSWORD": PASSWORD}
    refused: list[str] = []
    page.on("response", lambda one: refused.append(one.url) if one.status == 403 else None)
    flags = {"--auth": "always"}
    with router([], environment=environment, log=tmp_path / "log", flags=flags) as strict:
        slug = until(lambda: named(strict, fleet.alpha), within=60)
        page.goto(f"http://{slug}-rig.local:{strict.port}/")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        new = page.get_by_role("button", name="New session").first
        expect(new).to_be_visible(timeout=PATIENCE)
        page.reload()
        expect(new).to_be_visible(timeout=PATIENCE)
        assert "ocr-session" not in page.evaluate("document.cookie")
        assert refused == []
