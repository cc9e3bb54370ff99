"""The dashboard of a relay that runs, with clients that send: what it shows, and what pages of others cannot do."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from support import require
from support.dashboard import FOREIGN_NAME, Opener
from support.ports import free_ports
from support.relay_process import LOOPBACK, RelayProcess, UnixConnection, until
from support.traffic import Traffic
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.keys import NodePrivate, NodePublic, short_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

STRANGER = NodePrivate(bytes(range(7, 39)))
WATCH = """() => {
  const figure = document.querySelector(".figure.out dd");
  new MutationObserver((_, observer) => {
    if (!figure.innerText.includes("Mbit/s")) return;
    observer.disconnect();
    window.seen = performance.now();
  }).observe(figure, { characterData: true, childList: true, subtree: true });
}"""
QUESTIONS = """() => performance.getEntriesByType("resource")
  .filter((one) => one.name.endsWith("/overview") && one.startTime > window.begun && one.startTime < window.seen)
  .length"""
SPEED = """() => {
  const [figure, unit] = document.querySelector(".figure.out dd").innerText.split("\\u00a0");
  return Number(figure) * { "bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9 }[unit];
}"""


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    require.chromium()
    with RelayProcess() as running:
        yield running


def token_of(relay: RelayProcess) -> str:
    return (relay.state_dir / TOKEN_FILE).read_text().strip()


def url_of(relay: RelayProcess) -> str:
    return f"http://127.0.0.1:{relay.admin_port}/"


def call(relay: RelayProcess, target: str) -> Any:
    """What the API answers over the relay's socket."""
    connection = UnixConnection(relay.state_dir / "admin.sock")
    connection.request("GET", f"/api/v1/{target}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_a_transfer_is_seen(relay: RelayProcess, opened: Opener) -> None:
    """A transfer that starts is in the figures by the second question that the page asks after that, and in the chart.

    It asks once a second, so that is within two seconds; soon after the whole 100 Mbit/s are there.
    """
    with Traffic(relay) as traffic:
        page = opened(url_of(relay))
        page.wait_for_function("() => document.querySelector('.figure.devices dd')?.innerText === '2'")
        page.evaluate(WATCH)
        traffic.start(100e6)
        page.evaluate("() => { window.begun = performance.now(); }")
        page.wait_for_function(f"() => ({SPEED})() > 60e6")
        page.wait_for_function("() => document.querySelector('.legend .in + dd').innerText.includes('Mbit/s')")
        assert page.evaluate(QUESTIONS) <= 2


def test_pairs_and_devices(relay: RelayProcess, opened: Opener) -> None:
    """Who sends to whom is listed, by the short keys of the log where there are no names."""
    with Traffic(relay) as traffic:
        page = opened(url_of(relay) + "#pairs")
        traffic.start(1e6)
        source, sink = (short_key(client.public_key) for client in traffic.clients)
        row = page.locator("tr", has_text=source).filter(has_text=sink)
        row.get_by_text("kbit/s").or_(row.get_by_text("Mbit/s")).first.wait_for()
        row.get_by_role("button", name=sink).click()
        page.locator("dialog.client").get_by_text(str(NodePublic(traffic.clients[1].public_key))).wait_for()


def test_disconnecting_a_device(relay: RelayProcess, opened: Opener) -> None:
    """With the token a device can be disconnected, which stands in the audit log."""
    with Traffic(relay) as traffic:
        page = opened(url_of(relay) + f"#token={token_of(relay)}&view=clients")
        page.get_by_role("button", name=short_key(traffic.clients[0].public_key)).click()
        page.locator("dialog.client").get_by_role("button", name="Disconnect").click()
        page.get_by_role("dialog", name="Disconnect [").get_by_role("button", name="Disconnect").click()
        page.wait_for_selector("#said >> text=is disconnected")
        until(lambda: len(call(relay, "clients")["clients"]) == 1, "one client is left")
        page.goto(url_of(relay) + "#log")
        page.wait_for_selector(".audit li >> text=token from 127.0.0.1")


def test_letting_somebody_in(opened: Opener) -> None:
    """A device that was refused is shown on the first page, and is let in there, by the token of the link."""
    with RelayProcess("--allow-list", "on") as relay, Traffic(relay, 0) as traffic:
        waiting = traffic.connect(STRANGER, wait_admission=False)
        page = opened(url_of(relay) + f"#token={token_of(relay)}")
        page.get_by_role("button", name="Let in").click()
        page.get_by_label("What to call it").fill("phone")
        page.get_by_role("dialog").get_by_role("button", name="Let in").click()
        page.wait_for_selector("#said >> text=phone may relay now")
        until(lambda: [row["name"] for row in call(relay, "clients")["clients"]] == ["phone"], "it is here")
        traffic.do(waiting.close())


def test_several_relays(relay: RelayProcess, opened: Opener) -> None:
    """Others that the configuration names have a view beside this one, with their state, or that they do not answer."""
    others = (f"tokyo=unix:{relay.state_dir}/admin.sock", f"gone=http://{'x' * 20}@127.0.0.1:1")
    with RelayProcess("--dashboard-relays", others[0], "--dashboard-relays", others[1]) as here:
        page = opened(url_of(here))
        page.locator("nav").get_by_text("Relays", exact=True).click()
        cards = page.locator(".relays > li")
        cards.filter(has_text="This relay").get_by_text("ready").wait_for()
        cards.filter(has_text="tokyo").get_by_text("ready").wait_for()
        gone = cards.filter(has_text="gone")
        gone.get_by_text("does not answer").wait_for()
        assert "x" * 20 not in gone.inner_html()


def test_a_relay_that_is_killed(opened: Opener) -> None:
    """When the relay is gone the page says so and greys what it knows, with its age; it comes back by itself."""
    require.chromium()
    port = free_ports()
    listens = (*LOOPBACK[:-1], f"127.0.0.1:{port}")
    with RelayProcess(defaults=listens) as relay:
        page = opened(url_of(relay))
        page.wait_for_selector(".hero[data-level=note]")
        relay.stop(signal.SIGKILL)
        page.wait_for_selector(".away >> text=The relay's process does not answer")
        page.wait_for_selector("body.stale .away .age >> text=old")
        assert page.title().startswith("The relay's process does not answer")
    with RelayProcess(defaults=listens):
        page.get_by_role("button", name="Try now").click()
        page.wait_for_selector("body:not(.stale) .hero[data-level=note]")
        page.locator(".away").wait_for(state="hidden")


# --- pages of others --------------------------------------------------------------------------------------------------

ATTACK = """async (target) => {
  const outcomes = {};
  const attempt = async (name, run) => {
    try {
      const answer = await run();
      outcomes[name] = answer.type === "opaque" ? "opaque" : `read ${answer.status}`;
    } catch {
      outcomes[name] = "blocked";
    }
  };
  const text = { method: "POST", headers: { "Content-Type": "text/plain" }, body: '{"evacuate": true}' };
  await attempt("read", () => fetch(target + "overview"));
  await attempt("read with credentials", () => fetch(target + "clients", { credentials: "include" }));
  await attempt("read without cors", () => fetch(target + "clients", { mode: "no-cors" }));
  await attempt("act", () => fetch(target + "drain", { ...text, mode: "no-cors" }));
  const known = { ...text, mode: "no-cors", credentials: "include" };
  await attempt("act with credentials", () => fetch(target + "drain", known));
  const headers = { Authorization: "Bearer TOKEN" };
  await attempt("act with the token", () => fetch(target + "drain", { method: "POST", headers }));
  await attempt("delete", () => fetch(target + "drain", { method: "DELETE" }));
  return outcomes;
}"""
FORM = """(target) => {
  document.body.innerHTML = `<iframe name="frame"></iframe><form target="frame" method="post" enctype="text/plain"
    action="${target}drain"><input name='{"evacuate": true, "x": "' value='"}'></form>`;
  document.forms[0].submit();
}"""


class Stranger:
    """Somebody else's web page, at an origin of its own."""

    def __init__(self) -> None:
        handler = type("Empty", (http.server.BaseHTTPRequestHandler,), {"do_GET": _empty, "log_message": _silent})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Stranger:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _empty(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    handler.wfile.write(b"<!doctype html><title>somebody else's</title><body></body>")


def _silent(*_: object) -> None:
    """Say nothing."""


def statuses(page: Page, target: str) -> list[int]:
    """Of all answers of the relay's that come from here on."""
    found: list[int] = []
    page.on("response", lambda response: found.append(response.status) if response.url.startswith(target) else None)
    return found


def test_another_origin_can_neither_see_nor_act(relay: RelayProcess, opened: Opener) -> None:
    """A page of another origin gets nothing to read, and nothing that it sends is done, whichever way it sends it."""
    before = call(relay, "audit")
    target = url_of(relay) + "api/v1/"
    with Stranger() as stranger:
        page = opened(stranger.url, is_ours=False)
        answered = statuses(page, target)
        outcomes = page.evaluate(ATTACK.replace("TOKEN", token_of(relay)), target)
        assert {name for name, outcome in outcomes.items() if outcome.startswith("read")} == set(), outcomes
        with page.expect_response(lambda response: response.url == target + "drain") as response:
            page.evaluate(FORM, target)
        assert response.value.status == 403
        assert set(answered) == {403}
    assert call(relay, "drain")["phase"] == "off"
    assert call(relay, "audit") == before


def test_a_page_of_another_name_shows_nothing(relay: RelayProcess, opened: Opener) -> None:
    """Under a name that its owner points here (DNS rebinding) the pages are not shown, nor may anything be asked."""
    page = opened("about:blank")
    answer = page.goto(f"http://{FOREIGN_NAME}:{relay.admin_port}/")
    assert answer is not None
    assert answer.status == 403
    assert page.evaluate("fetch('/api/v1/overview').then((answer) => answer.status)") == 403


def test_it_is_in_no_frame(relay: RelayProcess, opened: Opener) -> None:
    """Another page cannot show the dashboard in a frame, to have clicks meant for itself land there."""
    with Stranger() as stranger:
        page = opened(stranger.url, is_ours=False)
        with page.expect_response(lambda response: response.url == url_of(relay)) as response:
            page.evaluate("url => { document.body.innerHTML = `<iframe src='${url}'></iframe>`; }", url_of(relay))
        assert response.value.status == 403
        assert response.value.headers["x-frame-options"] == "DENY"
