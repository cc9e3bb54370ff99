// One device: who it is, what it has used, with whom it talks; and cutting it off.

import { call } from "../api.js";
import { button, h, keyed, setText } from "../dom.js";
import { act, confirm, open, say } from "../dialogs.js";
import { ago, bits, bytes, called, count, listed, milliseconds, NONE, shortSpan } from "../format.js";
import { now } from "../store.js";
import { Table } from "../table.js";
import { t, word } from "../words.js";

const LOOK_MS = 1000;

export function pairColumns() {
  const side = (row, end) => called(row[`${end}_name`], row[`${end}_short`]);
  return [
    { id: "src", label: t("column.from"), isHead: true, class: "half", text: (row) => side(row, "src"), sub: (row) => (row.src_name ? row.src_short : ""), run: (row) => showClient(row.src) },
    { id: "dst", label: t("column.to"), class: "half", text: (row) => side(row, "dst"), sub: (row) => (row.dst_name ? row.dst_short : ""), run: (row) => showClient(row.dst) },
    { id: "tenant", label: t("column.tenant"), rank: 3, text: (row) => row.tenant || NONE },
    { id: "rate", label: t("column.rate"), sort: "rate", isNumber: true, text: (row) => bits(row.bytes_per_s) },
    { id: "bytes", label: t("column.total"), sort: "bytes", isNumber: true, rank: 2, text: (row) => bytes(row.bytes), sub: (row) => t("packets", { n: row.packets, count: count(row.packets) }) },
    { id: "last", label: t("column.last"), isNumber: true, rank: 3, text: (row) => (row.bytes_per_s > 0 ? t("ago.now") : shortSpan(now() - row.last)) },
  ];
}

export function showClient(key) {
  const facts = h("dl", { class: "facts" });
  const pairs = new Table({ caption: t("pairs.title"), keyOf: (row) => `${row.src} ${row.dst}`, empty: t("pairs.none"), columns: pairColumns().filter((one) => one.id !== "tenant") });
  const cut = button(t("cut.do"), () => askCut(key, name, () => dialog.close()), "danger");
  const gone = h("p", { class: "empty", text: t("client.gone"), hidden: true });
  document.querySelector("dialog.client")?.close();
  const dialog = open(t("client.title"), [gone, facts, h("h3", { text: t("pairs.title") }), pairs.element, h("div", { class: "buttons" }, cut)], { isBroad: true });
  dialog.classList.add("client");
  const heading = dialog.querySelector("h2");
  let name = "";
  look();

  async function look() {
    if (!dialog.isConnected) return;
    if (!document.hidden) {
      try {
        const found = await call("GET", `clients/${encodeURIComponent(key)}`);
        show(found.clients ?? [], found.pairs ?? []);
      } catch (error) {
        if (error.status === 404) show([], []);
      }
    }
    setTimeout(look, LOOK_MS);
  }

  function show(rows, used) {
    gone.hidden = rows.length > 0;
    cut.hidden = rows.length === 0;
    if (rows.length > 0) name = called(rows[0].name, rows[0].short);
    setText(heading, name || t("client.title"));
    if (rows.length > 0) {
      keyed(facts, clientFacts(rows), ([label]) => label, ([label]) => h("div", {}, h("dt", { text: label }), h("dd")), (line, [, text]) => setText(line.lastChild, text));
    }
    pairs.update(used);
  }
}

// What is known of a device's connections, as [label, text].
function clientFacts(rows) {
  const first = rows[0];
  const sum = (name) => rows.reduce((all, row) => all + row[name], 0);
  const dropped = {};
  for (const row of rows) for (const [reason, n] of Object.entries(row.dropped ?? {})) dropped[reason] = (dropped[reason] ?? 0) + n;
  return [
    [t("column.key"), first.key],
    [t("column.owner"), first.owner],
    [t("column.tenant"), first.tenant],
    [t("column.address"), listed(rows.map((row) => (row.port ? `${row.address.includes(":") ? `[${row.address}]` : row.address}:${row.port}` : row.address)))],
    [t("column.app"), first.app],
    [t("column.kind"), word("kind", first.kind === "client" && first.home ? "home" : first.kind)],
    [t("column.since"), ago(Math.min(...rows.map((row) => row.since)), now())],
    [t("column.connections"), rows.length > 1 ? count(rows.length) : ""],
    [t("column.sends"), `${bits(sum("bytes_received_per_s"))} · ${bytes(sum("bytes_received"))} · ${t("packets", { n: sum("packets_received"), count: count(sum("packets_received")) })}`],
    [t("column.gets"), `${bits(sum("bytes_sent_per_s"))} · ${bytes(sum("bytes_sent"))} · ${t("packets", { n: sum("packets_sent"), count: count(sum("packets_sent")) })}`],
    [t("column.rtt"), first.rtt_ms === null ? "" : milliseconds(first.rtt_ms)],
    [t("column.queued"), sum("queued_bytes") ? bytes(sum("queued_bytes")) : ""],
    [t("column.dropped"), listed(Object.entries(dropped).map(([reason, n]) => `${word("drop", reason)}: ${count(n)}`))],
  ].filter(([, text]) => text);
}

function askCut(key, name, done) {
  confirm({
    title: t("cut.title", { name }),
    text: t("cut.text"),
    yes: t("cut.do"),
    kind: "danger",
    async run() {
      if ((await act("DELETE", `clients/${encodeURIComponent(key)}`)) === null) return false;
      say(t("cut.done", { name }));
      done();
      return true;
    },
  });
}
