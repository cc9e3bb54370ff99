// The other relays of the region: how the link to each does, and who has a link to whom.

import { card, h, icon, keyed, setAttribute, setText } from "../dom.js";
import { bits, count, listed, milliseconds, NONE, packets, shortSpan } from "../format.js";
import { drawMesh } from "../mesh_picture.js";
import { linkOf, nodesOf, toneOf } from "../mesh_links.js";
import { loadList, now, store } from "../store.js";
import { Table } from "../table.js";
import { meshIssues } from "../verdict.js";
import { language, t, word } from "../words.js";
import { makeIssue } from "./overview.js";

const SIGNS = { up: "good", partly: "warn", down: "close" };

export function mesh() {
  const summary = h("p", { class: "summary" });
  const issues = h("ul", { class: "issues mesh-issues" });
  const frame = h("div", { class: "mesh-frame" });
  const legend = h("ul", { class: "mesh-legend" }, ...["good", "warn", "bad", "unknown"].map((tone) => h("li", { class: tone, text: t(`mesh.legend_${tone}`) })));
  const table = peerTable();
  const matrix = makeMatrix();
  addEventListener("resize", () => frame.isConnected && draw(frame));
  return {
    element: h("div", { class: "view" }, h("div", { class: "two mesh-top" }, h("section", { class: "card" }, h("h1", { text: t("mesh.title") }), summary, frame, legend), matrix.element), issues, card(t("mesh.relays"), table.element)),
    load: () => loadList("mesh", { maxAgeS: 1 }),
    update() {
      const peers = store.lists.mesh?.peers ?? [];
      setText(summary, summarized(peers));
      keyed(issues, meshIssues(), (one) => `${one.level} ${one.text}`, makeIssue, () => {});
      issues.hidden = issues.children.length === 0;
      draw(frame);
      table.update(peers);
      matrix.update(nodes());
    },
  };
}

function nodes() {
  const { relay, totals } = store.overview;
  return nodesOf({ name: relay.hostname || relay.addresses?.[0] || t("relays.this"), key: relay.public_key, keys: totals.clients }, store.lists.mesh?.peers ?? []);
}

const draw = (frame) => drawMesh(frame, nodes());

function summarized(peers) {
  const others = peers.filter((peer) => toneOf(peer) !== "quiet");
  const up = others.filter((peer) => toneOf(peer) === "good").length;
  const [devices, rate] = [others.reduce((sum, peer) => sum + peer.keys, 0), others.reduce((sum, peer) => sum + peer.bytes_per_s, 0)];
  return [t("mesh.summary", { up, of: others.length }), t("mesh.devices", { n: devices, count: count(devices) }), t("mesh.rate", { rate: bits(rate) })].join(t("summary.and"));
}

function peerTable() {
  return new Table({
    caption: t("mesh.relays"),
    keyOf: (row) => `${row.name} ${row.key}`,
    empty: t("mesh.none"),
    columns: [
      { id: "name", label: t("column.relay"), isHead: true, class: "wide", text: (row) => row.name, sub: (row) => listed([row.address, row.version ? `tailhub ${row.version}` : row.app]) },
      { id: "state", label: t("column.state"), class: "state", text: stateOf, tone: toneOf, sub: reasonOf, title: (row) => reasonOf(row) || null },
      { id: "keys", label: t("column.devices"), isNumber: true, text: (row) => (row.links_up > 0 ? count(row.keys) : NONE) },
      { id: "rtt", label: t("column.rtt"), isNumber: true, rank: 2, text: (row) => milliseconds(row.rtt_ms) },
      { id: "rate", label: t("mesh.forwarded"), isNumber: true, rank: 2, text: (row) => (row.links > 0 && toneOf(row) !== "quiet" ? bits(row.bytes_per_s) : NONE), sub: (row) => (row.packets_per_s >= 0.5 ? packets(row.packets_per_s) : "") },
      { id: "dropped", label: t("column.dropped"), isNumber: true, rank: 3, text: (row) => count(row.dropped_packets), tone: (row) => (row.dropped_packets > 0 ? "warn" : "") },
      { id: "since", label: t("column.lasts"), isNumber: true, rank: 2, text: (row) => (row.since ? shortSpan(now() - row.since) : NONE) },
    ],
  });
}

const reasonOf = (peer) => (peer.texts?.[language]?.reason ?? peer.reason).replaceAll("`", "");

function stateOf(peer) {
  if (peer.state === "up" && peer.dials_since === null) return t("mesh.one_way");
  if (peer.state === "partly") return t("mesh.of", { up: peer.links_up, of: peer.links });
  return word("mesh", peer.state);
}

// A row for each relay that opens links, a column for each to which they lead; columns go by the rows' numbers.
function makeMatrix() {
  const heads = h("tr");
  const body = h("tbody");
  const element = card(t("matrix.title"), h("p", { class: "help", text: t("matrix.help") }), h("div", { class: "table" }, h("table", { class: "matrix" }, h("caption", { class: "unseen", text: t("matrix.title") }), h("thead", {}, heads), body)));
  return {
    element,
    update(all) {
      element.hidden = all.length < 2;
      keyed(heads, [null, ...all], (one) => (one === null ? "" : `${one.name} ${one.key}`), () => h("th", { scope: "col" }, h("span")), (head, one) => {
        setText(head.firstChild, one === null ? t("matrix.head") : String(all.indexOf(one) + 1));
        setAttribute(head, "title", one?.name ?? null);
        setAttribute(head.firstChild, "aria-label", one?.name ?? null);
      });
      keyed(body, all, (one) => `${one.name} ${one.key}`, () => h("tr", {}, h("th", { scope: "row" }, h("i"), h("span"))), (row, from) => {
        setText(row.firstChild.firstChild, String(all.indexOf(from) + 1));
        setText(row.firstChild.lastChild, from.isOwn ? t("mesh.here") : from.name);
        setAttribute(row.firstChild, "title", from.name);
        cells(row, from, all);
      });
    },
  };
}

function cells(row, from, all) {
  while (row.children.length > all.length + 1) row.lastChild.remove();
  while (row.children.length < all.length + 1) row.append(h("td", {}, h("span")));
  all.forEach((to, index) => {
    const sign = row.children[index + 1].firstChild;
    const link = from === to ? "" : linkOf(from, to);
    if (sign.dataset.link === link) return;
    sign.dataset.link = link;
    sign.replaceChildren(...(link ? [SIGNS[link] ? icon(SIGNS[link]) : "?", h("span", { class: "unseen", text: t(`matrix.${link}`) })] : []));
    setAttribute(sign, "title", link ? t(`matrix.${link}`) : null);
  });
}
