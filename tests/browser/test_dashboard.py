"""The dashboard, its pages' process as it is, and a scripted relay behind: what people see and press."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from support.dashboard import Opener
from support.scripted_mesh import ScriptedMesh
from support.scripted_pages import TOKEN, ScriptedPages
from support.scripted_world import HOSTILE, ScriptedWorld

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response


pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

VIEWS = ("overview", "clients", "pairs", "access", "usage", "system", "mesh", "log")
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZES = ((1280, 900), (360, 740))
WRONG = "no-token-of-this-relay"
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
WIDE = """() => [document.documentElement, ...document.querySelectorAll(".table")]
  .some((one) => one.scrollWidth > one.clientWidth)"""
NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, [role=meter]")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.getAttribute("aria-label") || one.innerText || one.labels?.length))
  .map((one) => one.outerHTML)"""


def texts(language: str) -> dict[str, str]:
    """All texts of the page in a language."""
    source = (files("tailhub.admin") / "static" / "texts" / f"{language}.js").read_text("utf-8")
    found: dict[str, str] = json.loads(source.removeprefix("export default ").rstrip().removesuffix(";"))
    return found


@pytest.fixture(scope="module")
def pages() -> Iterator[ScriptedPages]:
    world = ScriptedWorld(time.time(), 300, hostile=True)
    world.has_trouble = True
    world.mesh = ScriptedMesh(time.time())
    with ScriptedPages(world) as running:
        yield running


def view(page: Page, name: str) -> None:
    """Go to a view and wait until it shows what it has asked for."""
    with page.expect_response(lambda response: "/api/v1/overview" in response.url):
        page.evaluate("name => { location.hash = name; }", name)
    page.wait_for_selector(f'nav a[href="#{name}"][aria-current=page]')


def rows(page: Page) -> list[str]:
    """What the rows of the table in view begin with."""
    return page.locator("tbody tr th :first-child").all_inner_texts()


class Walk:
    """What was found on a walk through all views, in both languages."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.too_wide: list[tuple[str, str, int]] = []
        self.nameless: list[str] = []
        self.headings: dict[str, set[str]] = {language: set() for language in LANGUAGES}
        self.tables = 0
        self.bare_tables = 0

    def look(self, page: Page, language: str, name: str) -> None:
        """Look at the view that is shown."""
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate(WIDE):
                self.too_wide.append((language, name, width))
        self.nameless += page.evaluate(NAMELESS)
        self.headings[language] |= set(page.locator("h1, h2, th[scope=col], dt").all_inner_texts())
        self.tables += page.locator("main table").count()
        self.bare_tables += page.locator("main table:not(:has(caption)), main thead th:not([scope=col])").count()


@pytest.fixture(scope="module")
def walk(pages: ScriptedPages, browser: Browser) -> Walk:
    found = Walk()
    for language, locale in LANGUAGES.items():
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(pages.url)
        for name in VIEWS:
            view(page, name)
            found.look(page, language, name)
        context.close()
    return found


def test_it_asks_nobody_else(pages: ScriptedPages, walk: Walk) -> None:
    """All that the page loads comes from the relay's own pages, in every view."""
    assert len(walk.asked) > 50
    assert [url for url in walk.asked if not url.startswith((pages.url, "data:"))] == []


def test_no_view_is_wider_than_the_screen(walk: Walk) -> None:
    """In both languages every view fits a phone and a desktop without scrolling sideways, long names too."""
    assert walk.too_wide == []


def test_everything_has_a_name(walk: Walk) -> None:
    """Buttons, links and fields have names for those who do not see them; tables have captions and headings."""
    assert walk.nameless == []
    assert walk.tables > 10
    assert walk.bare_tables == 0


def test_every_view_speaks_one_language(walk: Walk) -> None:
    """In Chinese no key of a text is left without one, and no English heading remains."""
    english = {text for text in texts("en").values() if text.isascii()} - set(texts("zh").values())
    assert len(walk.headings["zh"]) > 40
    assert walk.headings["zh"] & (english | set(texts("en"))) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages(pages: ScriptedPages, opened: Opener, language: str) -> None:
    """It speaks the browser's language, and the other one after a click, from then on."""
    other = "zh" if language == "en" else "en"
    page = opened(pages.url, LANGUAGES[language])
    tab = page.locator('nav a[href="#clients"]')
    assert tab.inner_text() == texts(language)["view.clients"]
    page.click("#language")
    page.wait_for_function(
        "text => document.querySelector('nav a[href=\"#clients\"]')?.innerText === text",
        arg=texts(other)["view.clients"],
    )
    assert page.get_attribute("html", "lang") == LANGUAGES[other]
    page.reload()
    assert tab.inner_text() == texts(other)["view.clients"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colour_schemes(pages: ScriptedPages, opened: Opener, scheme: str) -> None:
    """It has the system's colours, and others after a click, which stay."""
    shade = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    page = opened(pages.url, scheme=scheme)
    assert (page.evaluate(shade) < 128) is (scheme == "dark")
    clicks = {"light": 2, "dark": 1}[scheme]  # the system's, light, dark
    for _ in range(clicks):
        page.click("#theme")
    assert (page.evaluate(shade) < 128) is (scheme == "light")
    page.reload()
    assert (page.evaluate(shade) < 128) is (scheme == "light")


def test_verdict(pages: ScriptedPages, opened: Opener) -> None:
    """The first thing said is how the relay is, with what is wrong and what to do."""
    world = pages.world
    page = opened(pages.url)
    page.wait_for_selector(".hero[data-level=warn] .issues .warn >> text=群晖")  # whose quota is used up
    world.faults = ["the disk is full"]
    page.wait_for_selector(".hero[data-level=bad] .issues .bad >> text=the disk is full")
    world.faults = []
    page.wait_for_selector(".hero[data-level=warn]")


@pytest.mark.parametrize(
    ("source", "lasts", "left", "level"),
    [
        *(("files", 90, 20, "note"), ("files", 90, 12, "warn"), ("files", 90, 2, "bad"), ("pinned", 3650, 29, "warn")),
        *(("acme", 90, 12, "note"), ("acme", 6, 2, "note"), ("acme", 6, 1, "warn")),
    ],
)
def test_when_a_certificate_is_worth_a_word(
    pages: ScriptedPages, opened: Opener, source: str, lasts: float, left: float, level: str
) -> None:
    """Where each client needs the next one's pin that is earlier; one that lasts only days alarms nobody early."""
    now = time.time()
    dates = {"not_before": now - (lasts - left) * 86400, "not_after": now + left * 86400, "days_left": left}
    one = {"listener": ":443", "names": ["relay.example"], "source": source, "pinned": source == "pinned", **dates}
    page = opened("about:blank")
    page.route("**/api/v1/certificates", lambda route: route.fulfill(json={"certificates": [one]}))
    page.goto(pages.url)
    page.wait_for_selector(".hero .issues >> text=群晖")
    said = page.locator(".issues li", has_text="relay.example")
    if level == "note":
        assert said.count() == 0
    else:
        assert level in (said.get_attribute("class") or "")
        assert ("Clients pin it" in said.inner_text()) is (source == "pinned")


def test_mesh(pages: ScriptedPages, opened: Opener) -> None:
    """Each relay has its state and why; what is half up is said here and first of all; the matrix has both ways."""
    page = opened(pages.url)
    page.wait_for_selector(".hero .issues .warn >> text=No mesh link to lab.example.net")
    view(page, "mesh")
    states = page.locator("tbody tr", has=page.locator("td.state"))
    for name, said, tone in (
        ("fra.derp.example.com", "linked", "good"),
        ("gru.derp.example.com", "one way only", "warn"),
        ("lab.example.net", "not linked", "bad"),
    ):
        row = states.filter(has_text=name)
        row.get_by_text(said, exact=True).wait_for()
        assert row.locator("td.state > span").first.get_attribute("data-tone") == tone
    assert page.locator(".mesh-point").count() == 6
    assert page.locator(".mesh-line.warn path").count() == 3  # arrows: gru to us and to sin, nyc to sin are missing
    signs = page.locator(".matrix tbody tr", has_text="nyc.derp").locator("[data-link]")
    found = signs.evaluate_all("all => all.map((one) => one.dataset.link)")
    assert found == ["up", "up", "down", "", "up", "unknown"]
    page.wait_for_selector(".mesh-issues .warn >> text=Start the relay there")
    assert page.locator(".mesh-issues code", has_text="tailhub doctor --local").count() == 2


def test_a_relay_that_stands_alone(pages: ScriptedPages, opened: Opener) -> None:
    """Without other relays nothing is said of a mesh."""
    page = opened("about:blank")
    page.route("**/api/v1/mesh", lambda route: route.fulfill(json={"peers": [], "troubles": [], "workers": []}))
    page.goto(pages.url)
    page.wait_for_selector(".hero .issues >> text=群晖")
    assert not page.locator('nav a[href="#mesh"]').is_visible()
    assert page.locator(".issues li", has_text="mesh").count() == 0


def test_a_long_name_in_the_quotas(pages: ScriptedPages, opened: Opener) -> None:
    """On a phone the name is cut, and its quota stays on the screen."""
    row = {"scope": "key", "tenant": "", "key": "nodekey:00", "name": "a-name-" * 20, "used_bytes": 1.0}
    row |= {"quota_bytes": 2.0, "level": "ok", "cost": 1.0}
    quotas = {"period": {"start": 1.0, "end": 2.0}, "currency": "EUR", "price_per_gb": 1.0, "quotas": [row]}
    page = opened("about:blank", size=(360, 740))
    page.route("**/api/v1/quotas", lambda route: route.fulfill(json=quotas))
    page.goto(pages.url + "#usage")
    page.locator(".quotas .cost").wait_for()
    assert not page.evaluate(WIDE)


def test_sorting(pages: ScriptedPages, opened: Opener) -> None:
    """A click on a heading has the relay sort by it, a second one the other way round."""
    page = opened(pages.url + "#clients")
    heading = page.locator("th[scope=col]", has_text="Device").locator("button")
    page.wait_for_selector("tbody tr >> nth=49")
    for order, said in (("asc", "ascending"), ("desc", "descending")):
        wanted = {"sort": ["name"], "order": [order]}
        with page.expect_response(lambda response, wanted=wanted: answers(response, "clients", wanted)) as response:
            heading.click()
        shown = [row["name"] or row["short"] for row in response.value.json()["clients"]]
        assert len(shown) == 50
        page.wait_for_function("name => document.querySelector('tbody th button').innerText === name", arg=shown[0])
        assert heading.locator("..").get_attribute("aria-sort") == said


def answers(response: Response, path: str, fields: Mapping[str, list[str]]) -> bool:
    """Is that the answer to this question of the page's?"""
    parts = urlsplit(response.url)
    return parts.path == f"/api/v1/{path}" and fields.items() <= parse_qs(parts.query).items()


def test_searching_and_turning_pages(pages: ScriptedPages, opened: Opener) -> None:
    """The search finds part of a name; without it there are pages, which the buttons turn."""
    page = opened(pages.url + "#clients")
    page.wait_for_selector("tbody tr >> nth=49")
    wanted = {"sort": ["name"]}  # which stays as it is: by rate a device may come over from the page before
    with page.expect_response(lambda response: answers(response, "clients", wanted)) as response:
        page.locator("th[scope=col]", has_text="Device").locator("button").click()
    top = response.value.json()["clients"][0]
    page.wait_for_function(
        "name => document.querySelector('tbody th button').innerText === name", arg=top["name"] or top["short"]
    )
    first = rows(page)
    page.get_by_role("button", name="Next").click()
    page.wait_for_selector(".counted >> text=51 to 100 of 300")
    assert not set(first) & set(rows(page))
    page.get_by_role("searchbox").fill("render")
    page.wait_for_selector(".counted >> text=1 to 2 of 2 found, of 300")
    assert sorted(rows(page)) == ["render-01", "render-02"]
    page.get_by_role("searchbox").fill("nobody is called that")
    page.wait_for_selector(".listing .empty:visible")


def test_hostile_names(pages: ScriptedPages, opened: Opener) -> None:
    """What devices call themselves is text, whatever it says, and makes nothing wider."""
    page = opened(pages.url + "#clients", size=(360, 740))
    page.get_by_role("searchbox").fill("studio")
    for name in HOSTILE:
        page.locator("tbody th button", has_text=name).first.wait_for()
    assert page.locator("main img, main script, main iframe").count() == 0
    page.locator("tbody th button", has_text=HOSTILE[0]).click()
    page.wait_for_selector("dialog.client h2 >> text=<img src=x")
    assert page.locator("dialog img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_one_device(pages: ScriptedPages, opened: Opener) -> None:
    """A click on a device shows all that is known of it, and whom it talks with, and may disconnect it."""
    page = opened(pages.url + f"#token={TOKEN}&view=clients")
    page.locator("tbody th button", has_text="render-01").click()
    dialog = page.locator("dialog.client")
    device = next(one for one in pages.world.devices if one.name == "render-01")
    dialog.get_by_text(f"nodekey:{device.key.hex()}").wait_for()
    dialog.get_by_text(device.address).wait_for()
    dialog.locator("td button", has_text="render-02").first.wait_for()
    dialog.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog", name="Disconnect render-01?").get_by_role("button", name="Disconnect").click()
    page.wait_for_selector("#said >> text=render-01 is disconnected")
    assert pages.world.actions[-1] == ("DELETE", f"clients/nodekey%3A{device.key.hex()}", {})


def test_approving_asks_for_the_token(pages: ScriptedPages, opened: Opener) -> None:
    """Letting a device in needs the token; a wrong one is asked for again; then the device has its name and is gone."""
    world = pages.world
    page = opened(pages.url + "#access")
    page.locator("tr", has_text="laptop-anna").get_by_role("button", name="Let in").click()
    page.get_by_label("It is the new key of laptop-anna").check()
    page.locator("dialog").get_by_role("button", name="Let in").click()
    before = len(world.actions)
    for token in (WRONG, TOKEN):
        page.locator("dialog.token input").fill(token)
        page.locator("dialog.token").get_by_role("button").last.click()
        page.wait_for_function("token => sessionStorage.getItem('tailhub.token') !== token", arg=WRONG)
    page.wait_for_selector("#said >> text=laptop-anna may relay now")
    assert world.actions[before:] == [
        ("POST", "pending/31/approve", {"name": "laptop-anna", "tenant": "", "replace": True, "comment": ""})
    ]
    page.locator("tr", has_text="laptop-anna").wait_for(state="detached")


def test_token_link(pages: ScriptedPages, opened: Opener) -> None:
    """The link of `tailhub dashboard` leaves no token in the address bar, and its tab may act."""
    page = opened(pages.url + f"#token={TOKEN}")
    page.wait_for_url(lambda url: "token" not in url)
    view(page, "system")
    page.get_by_placeholder("Maintenance").fill("closed tonight")
    page.get_by_role("button", name="Show it").click()
    page.wait_for_selector(".notice >> text=closed tonight")
    page.get_by_role("button", name="Take back").click()
    page.locator(".notice").wait_for(state="detached")
    assert [action[:2] for action in pages.world.actions[-2:]] == [("POST", "notice"), ("DELETE", "notice")]


def test_errors_are_in_the_pages_language(pages: ScriptedPages, opened: Opener) -> None:
    """What the relay says of an error is shown in the language of the page."""
    page = opened(pages.url + f"#token={TOKEN}&view=system", LANGUAGES["zh"])
    pages.world.refusal = "the port is wrong"
    page.get_by_role("button", name=texts("zh")["reload.do"]).click()
    page.get_by_role("dialog").get_by_role("button", name=texts("zh")["reload.do"]).click()
    page.get_by_role("alert").get_by_text("端口不对").wait_for()
    pages.world.refusal = ""


def test_what_cannot_be_done(pages: ScriptedPages, opened: Opener) -> None:
    """Why something could not be done is said where it was asked for, which stays open to try it again."""
    page = opened(pages.url + f"#token={TOKEN}&view=system")
    pages.world.refusal = "listen: expected a port, found 99999"
    page.get_by_role("button", name="Reload configuration").click()
    dialog = page.get_by_role("dialog", name="Reload the configuration?")
    dialog.get_by_role("button", name="Reload configuration").click()
    dialog.get_by_role("alert").get_by_text("expected a port, found 99999").wait_for()
    pages.world.refusal = ""
    dialog.get_by_role("button", name="Reload configuration").click()
    page.wait_for_selector("#said >> text=Needs a restart: stun_listen.")
    dialog.wait_for(state="detached")


def test_draining_is_asked_twice(pages: ScriptedPages, opened: Opener) -> None:
    """Emptying the relay is asked about first, can be taken back, and is the first thing said meanwhile."""
    page = opened(pages.url + f"#token={TOKEN}&view=system")
    page.get_by_role("button", name="Empty the relay").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Empty the relay").click()
    page.get_by_role("dialog").get_by_role("button", name="Empty the relay").click()
    page.get_by_role("button", name="Serve everyone again").wait_for()
    view(page, "overview")
    page.wait_for_selector(".hero h1 >> text=Devices are being moved elsewhere")
    view(page, "system")
    page.get_by_role("button", name="Serve everyone again").click()
    page.get_by_role("button", name="Empty the relay").wait_for()
    assert [action[0] for action in pages.world.actions if action[1] == "drain"] == ["POST", "DELETE"]


def test_it_rests_when_nobody_looks(pages: ScriptedPages, opened: Opener) -> None:
    """A page that is hidden asks nothing, and asks at once when it is looked at again."""
    page = opened("about:blank")
    page.clock.install()
    page.goto(pages.url)
    page.wait_for_selector(".figures")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/overview" in request.url else None)
    page.evaluate(HIDE, True)
    page.clock.run_for(60_000)
    assert len(asked) <= 1  # which was due already
    with page.expect_request("**/api/v1/overview"):
        page.evaluate(HIDE, False)


def test_from_another_machine_the_token_is_asked_for(pages: ScriptedPages, opened: Opener) -> None:
    """Whoever comes through a proxy is asked for the token before anything is shown, and again when it asks to."""
    page = opened("about:blank")
    page.context.set_extra_http_headers({"X-Forwarded-For": "192.0.2.9"})
    page.goto(pages.url)
    page.locator("dialog.token").get_by_role("button", name="Close").click()
    page.wait_for_selector(".away >> text=The relay refuses to answer this page")
    assert not page.locator(".room").is_visible()
    page.get_by_role("button", name="Try now").click()
    page.locator("dialog.token input").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.figure.devices dd')?.innerText === '300'")


def test_a_token_that_is_wrong_by_now(pages: ScriptedPages, opened: Opener) -> None:
    """On the relay's own machine a tab whose token is no longer right goes on without."""
    page = opened(pages.url + f"#token={WRONG}")
    page.wait_for_function("() => document.querySelector('.figure.devices dd')?.innerText === '300'")
    assert page.evaluate("sessionStorage.getItem('tailhub.token')") == ""
