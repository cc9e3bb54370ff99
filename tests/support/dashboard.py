"""What tests of the dashboard share: the browser that they drive, and what opens a page in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from support import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOREIGN_NAME = "rebound.example"  # which the browser finds on this machine, as after DNS rebinding
Opener: TypeAlias = Callable[..., "Page"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, without a window and without a proxy."""
    path = require.chromium()
    from playwright.sync_api import sync_playwright

    arguments = ["--no-proxy-server", f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1"]
    if hasattr(os, "geteuid") and not os.geteuid():
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
