// Everybody who is connected, and who relays to whom.

import { h } from "../dom.js";
import { bits, bytes, called, count, listed, milliseconds, NONE, shortSpan } from "../format.js";
import { loadList, now, store } from "../store.js";
import { Listing } from "../table.js";
import { t, word } from "../words.js";
import { pairColumns, showClient } from "./client.js";

const droppedOf = (row) => Object.values(row.dropped ?? {}).reduce((all, n) => all + n, 0);

export function clients(app) {
  const listing = new Listing({
    name: "clients",
    searchLabel: t("clients.search"),
    sorts: ["rate", "bytes", "name", "since", "rtt", "drops", "queued"].map((by) => [by, t(`sort.${by}`)]),
    rows: (list) => list.clients,
    load: () => app.soon(),
    table: {
      caption: t("view.clients"),
      keyOf: (row) => row.id,
      empty: t("clients.none"),
      sort: { by: "rate", order: "desc" },
      columns: [
        { id: "name", label: t("column.device"), sort: "name", first: "asc", isHead: true, class: "wide", text: (row) => called(row.name, row.short), sub: (row) => [row.owner, row.tenant, row.name ? row.short : ""].filter(Boolean).join(" · "), run: (row) => showClient(row.key) },
        { id: "address", label: t("column.address"), rank: 3, text: (row) => row.address, sub: (row) => word("kind", row.kind === "client" && row.home ? "home" : row.kind) },
        { id: "rate", label: t("column.rate"), sort: "rate", isNumber: true, text: (row) => `↑ ${bits(row.bytes_received_per_s)}`, sub: (row) => `↓ ${bits(row.bytes_sent_per_s)}` },
        { id: "bytes", label: t("column.total"), sort: "bytes", isNumber: true, rank: 2, text: (row) => `↑ ${bytes(row.bytes_received)}`, sub: (row) => `↓ ${bytes(row.bytes_sent)}` },
        { id: "rtt", label: t("column.rtt"), sort: "rtt", isNumber: true, rank: 2, text: (row) => milliseconds(row.rtt_ms) },
        { id: "drops", label: t("column.dropped"), sort: "drops", isNumber: true, rank: 3, text: (row) => count(droppedOf(row)), tone: (row) => (droppedOf(row) ? "warn" : "quiet"), title: (row) => listed(Object.entries(row.dropped ?? {}).map(([reason, n]) => `${word("drop", reason)}: ${count(n)}`)) },
        { id: "queued", label: t("column.queued"), sort: "queued", isNumber: true, rank: 3, text: (row) => (row.queued_bytes ? bytes(row.queued_bytes) : NONE) },
        { id: "since", label: t("column.since"), sort: "since", isNumber: true, rank: 2, text: (row) => shortSpan(now() - row.since) },
      ],
    },
  });
  return view(t("view.clients"), t("clients.help"), listing);
}

export function pairs(app) {
  const listing = new Listing({
    name: "pairs",
    searchLabel: t("pairs.search"),
    sorts: ["rate", "bytes"].map((by) => [by, t(`sort.${by}`)]),
    rows: (list) => list.pairs,
    load: () => app.soon(),
    table: { caption: t("view.pairs"), keyOf: (row) => `${row.src} ${row.dst}`, empty: t("pairs.none"), sort: { by: "rate", order: "desc" }, columns: pairColumns() },
  });
  return view(t("view.pairs"), t("pairs.help"), listing);
}

function view(title, help, listing) {
  return {
    element: h("div", { class: "view" }, h("section", { class: "card whole" }, h("h1", { text: title }), h("p", { class: "help", text: help }), listing.element)),
    load: () => loadList(listing.name, { query: listing.query() }),
    update: () => listing.update(store.lists[listing.name]),
  };
}
