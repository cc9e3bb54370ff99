// Several relays on one page: this one, and those that the setting `dashboard_relays` names.

import { h, keyed, setAttribute, setText } from "../dom.js";
import { bits, count, packets, span } from "../format.js";
import { loadList, store } from "../store.js";
import { t, word } from "../words.js";

const TONES = { ready: "good", starting: "note", draining: "warn", evacuating: "warn" };

export function relays() {
  const list = h("ul", { class: "relays" });
  return {
    element: h("div", { class: "view" }, h("section", { class: "card whole" }, h("h1", { text: t("relays.title") }), h("p", { class: "help", text: t("relays.help") }), list)),
    load: () => loadList("relays", { maxAgeS: 1 }),
    update() {
      keyed(list, store.lists.relays?.relays ?? [], (one) => `${one.name} ${one.url}`, make, fill);
    },
  };
}

function make(relay) {
  const figures = h("dl", { class: "facts" }, ...["figure.devices", "figure.in", "figure.out", "figure.dropped", "fact.up", "fact.version"].map((label) => h("div", {}, h("dt", { text: t(label) }), h("dd"))));
  const name = isPage(relay.url) ? h("a", { href: relay.url, rel: "noreferrer noopener", target: "_blank" }) : h("span");
  return h("li", {}, h("div", { class: "relay-head" }, h("span", { class: "dot" }), h("h2", {}, name), h("span", { class: "state" })), h("p", { class: "trouble" }), figures);
}

// Only an address of the web becomes a link.
function isPage(url) {
  return /^https?:\/\/[^\s]+$/i.test(url ?? "");
}

function fill(line, relay) {
  const [head, trouble, figures] = line.children;
  const { overview } = relay;
  const tone = overview ? (overview.faults?.length ? "bad" : (TONES[relay.state] ?? "bad")) : "bad";
  setAttribute(line, "class", tone);
  setText(head.children[1].firstChild, relay.url ? relay.name : overview?.relay.hostname || t("relays.this"));
  setText(head.children[2], overview ? word("state", relay.state) : t("relays.away"));
  setText(trouble, relay.error || (overview?.faults ?? []).join(" ") || "");
  trouble.hidden = trouble.textContent === "";
  figures.hidden = !overview;
  if (!overview) return;
  const values = [count(overview.totals.clients), bits(overview.rates.bytes_received_per_s), bits(overview.rates.bytes_sent_per_s), packets(overview.rates.packets_dropped_per_s), span(overview.relay.now - overview.relay.started), overview.relay.version];
  values.forEach((value, index) => setText(figures.children[index].lastChild, value));
}
