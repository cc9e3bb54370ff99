"""Makes the dashboard's screenshots in ``docs/images``: ``python docs/make_screenshots.py``.

The pages are as they are; the relay behind them is scripted (`tests/support/scripted_world.py`), so that they show the
same at each run. Needs Chromium, playwright and Pillow (the extras ``test`` and ``bench``); look at what it has made.
"""

from __future__ import annotations

import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from support.dashboard import chromium  # noqa: E402
from support.scripted_mesh import ScriptedMesh  # noqa: E402
from support.scripted_pages import ScriptedPages  # noqa: E402
from support.scripted_world import ScriptedWorld  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 200_000
EXACT = 96  # colours of a picture that stay as they are
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
SIZES = {"desktop": (1240, 1180), "phone": (360, 760)}
FINER = {"desktop": 1.0, "phone": 2.0}  # pixels of the picture for one of the page


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: a view in a language, on a screen, in a colour scheme."""

    view: str
    language: str
    size: str
    scheme: str
    has_trouble: bool = False

    @property
    def name(self) -> str:
        """Its file."""
        return f"dashboard-{self.view}-{self.language}-{self.size}-{self.scheme}.png"


SHOTS = (
    Shot("overview", "en", "desktop", "light"),
    Shot("overview", "zh", "desktop", "dark"),
    Shot("overview", "en", "phone", "dark", has_trouble=True),
    Shot("overview", "zh", "phone", "light", has_trouble=True),
    Shot("clients", "en", "desktop", "dark"),
    Shot("clients", "zh", "phone", "dark"),
    Shot("usage", "zh", "desktop", "light", has_trouble=True),
    Shot("access", "en", "phone", "light"),
    Shot("mesh", "en", "desktop", "light"),
    Shot("mesh", "zh", "phone", "dark"),
)


def main() -> None:
    """Make all of them."""
    world = ScriptedWorld(time.time())
    with ScriptedPages(world) as pages, chromium() as browser:
        for shot in SHOTS:
            world.has_trouble = shot.has_trouble
            world.mesh = ScriptedMesh(time.time()) if shot.view == "mesh" else None
            picture = smaller(take(browser, pages.url, world, shot))
            if len(picture) > MAX_BYTES:
                raise SystemExit(f"{shot.name}: {len(picture)} bytes, more than {MAX_BYTES}")
            (IMAGES / shot.name).write_bytes(picture)
            print(f"{shot.name}: {len(picture) / 1000:.0f} kB")


def take(browser: Browser, url: str, world: ScriptedWorld, shot: Shot) -> bytes:
    """Open the page as somebody with this screen would, and take a picture of it."""
    width, height = SIZES[shot.size]
    viewport: Any = {"width": width, "height": height}
    scheme: Any = shot.scheme
    context = browser.new_context(
        locale=LOCALES[shot.language],
        color_scheme=scheme,
        viewport=viewport,
        device_scale_factor=FINER[shot.size],
        reduced_motion="reduce",
    )

    def history(route: Route) -> None:
        """What somebody would see who has looked for a quarter of an hour."""
        since = float(parse_qs(urlsplit(route.request.url).query)["since"][0])
        route.fulfill(json=world.history(since, time.time()))

    page = context.new_page()
    page.route("**/api/v1/history*", history)
    page.goto(f"{url}#{shot.view}")
    for _ in range(3):  # rates are known from the second answer on
        page.wait_for_event("response", lambda response: "/api/v1/overview" in response.url)
    picture = page.screenshot()
    context.close()
    return picture


def smaller(picture: bytes) -> bytes:
    """The same picture with a palette: colours of whole areas as they are, of all others the nearest of a few."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    pixels = np.asarray(image).reshape(-1, 3)
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    frequent = colours[np.argsort(-counts)][:EXACT]
    rare = Image.fromarray(colours[np.newaxis]).quantize(256 - EXACT, Image.Quantize.MEDIANCUT).getpalette() or []
    palette = np.concatenate([frequent, np.array(rare, np.uint8).reshape(-1, 3)]).astype(np.int32)
    nearest = [int(((palette - colour) ** 2).sum(axis=1).argmin()) for colour in colours.astype(np.int32)]
    reduced = Image.fromarray(np.array(nearest, np.uint8)[which].reshape(image.height, image.width), "P")
    reduced.putpalette(palette.astype(np.uint8).tobytes())
    written = io.BytesIO()
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
