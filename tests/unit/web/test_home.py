from __future__ import annotations

import base64
import hashlib
import re

from tailhub.web.home import HOME_PAGE, HOME_STYLE_SOURCE


def test_style_hash_matches() -> None:
    """The hash that the policy allows is that of the one style sheet in the page."""
    styles = re.findall(rb"<style>(.*?)</style>", HOME_PAGE, re.DOTALL)
    assert len(styles) == 1
    assert b"'sha256-" + base64.b64encode(hashlib.sha256(styles[0]).digest()) + b"'" == HOME_STYLE_SOURCE


def test_page_needs_nothing_else() -> None:
    """The page has no script, no inline style attribute and nothing to fetch, and is small."""
    assert not re.search(rb"<script|<img|<iframe|\sstyle=|\son\w+=|\ssrc=|@import|url\(", HOME_PAGE)
    assert re.findall(rb'<link[^>]* href="([a-z]+:)', HOME_PAGE) == [b"data:"]
    assert len(HOME_PAGE) < 4096


def test_page_follows_the_colour_scheme() -> None:
    """The page is light or dark as the reader's system is."""
    assert b"prefers-color-scheme: dark" in HOME_PAGE
    assert b"color-scheme: light dark" in HOME_PAGE
