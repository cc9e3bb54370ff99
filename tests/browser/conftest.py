"""The dashboard in a real browser: one Chromium for all tests of a module, a context with nothing in it for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from support.dashboard import Opener, chromium
from support.waiting import LIMIT_S

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")  # while it runs, Playwright has an event loop in this thread: no other can be run
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens a page at an address, in a context of its own.

    Scripts that fail, alerts, and what a policy has blocked fail the test, unless the page is somebody else's.
    """
    contexts, faults = [], list[str]()

    def open_page(
        url: str,
        locale: str = "en-GB",
        scheme: Any = "light",
        size: tuple[int, int] = (1280, 900),
        *,
        is_ours: bool = True,
    ) -> Page:
        viewport: Any = {"width": size[0], "height": size[1]}
        context = browser.new_context(locale=locale, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
        contexts.append(context)
        context.set_default_timeout(LIMIT_S * 1000)
        page = context.new_page()
        if is_ours:
            page.on("pageerror", lambda error: faults.append(f"{error}\n{error.stack}"))
            page.on("dialog", lambda dialog: (faults.append(f"alert: {dialog.message}"), dialog.dismiss()))
            page.on("console", lambda line: faults.append(line.text) if "Security Policy" in line.text else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults
