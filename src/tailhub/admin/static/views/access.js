// Who may relay: those who wait, the verifiers that are asked, and the tenants.

import { card, h, setText } from "../dom.js";
import { bytes, count, NONE, roughly, shortSpan } from "../format.js";
import { loadList, now, store } from "../store.js";
import { Table } from "../table.js";
import { t, word } from "../words.js";
import { pendingTable } from "./pending.js";

export function access() {
  const pending = pendingTable();
  const hint = h("p", { class: "help" });
  const verifiers = new Table({
    caption: t("verifiers.title"),
    keyOf: (row) => `${row.tenant} ${row.name}`,
    empty: t("verifiers.none"),
    columns: [
      { id: "name", label: t("column.verifier"), isHead: true, class: "wide", text: (row) => row.name, sub: (row) => row.detail || row.tenant },
      { id: "state", label: t("column.state"), text: (row) => word("verifier", row.state), tone: (row) => ({ ok: "good", unreachable: "bad", error: "bad" })[row.state] ?? "quiet" },
      { id: "since", label: t("column.since"), isNumber: true, text: (row) => (row.since ? shortSpan(now() - row.since) : NONE) },
    ],
  });
  const tenants = new Table({
    caption: t("tenants.title"),
    keyOf: (row) => row.name,
    empty: t("tenants.none"),
    columns: [
      { id: "name", label: t("column.tenant"), isHead: true, class: "wide", text: (row) => (row.name && row.name !== "default" ? row.name : t("tenants.own")) },
      { id: "connections", label: t("column.connections"), isNumber: true, text: (row) => count(row.connections) },
      { id: "received", label: t("column.sent_by"), isNumber: true, class: "brief", text: (row) => bytes(row.bytes_received), sub: (row) => t("packets", { n: row.packets_received, count: roughly(row.packets_received) }) },
      { id: "sent", label: t("column.sent_to"), isNumber: true, rank: 2, text: (row) => bytes(row.bytes_sent), sub: (row) => t("packets", { n: row.packets_sent, count: roughly(row.packets_sent) }) },
      { id: "dropped", label: t("column.dropped"), isNumber: true, rank: 2, text: (row) => count(row.packets_dropped) },
    ],
  });
  return {
    element: h("div", { class: "view" }, card(t("pending.title"), hint, pending.element), card(t("verifiers.title"), verifiers.element), card(t("tenants.title"), tenants.element)),
    load: () => Promise.all([loadList("pending"), loadList("verifiers", { maxAgeS: 2 }), loadList("tenants")]),
    update() {
      const list = store.lists.pending;
      setText(hint, !list ? "" : !list.has_verifiers ? t("pending.open") : !list.has_list ? t("pending.no_list") : t("pending.help"));
      pending.update(list);
      verifiers.update(store.lists.verifiers?.verifiers ?? []);
      tenants.update(store.lists.tenants?.tenants ?? []);
    },
  };
}
