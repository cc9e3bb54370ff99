// The relay itself: certificates, STUN, drops, processes; and what an operator may do with it.

import { button, card, h, icon, keyed, setText } from "../dom.js";
import { act, confirm, field, say } from "../dialogs.js";
import { bytes, count, date, listed, number, packets, span } from "../format.js";
import { forget, loadList, now, store } from "../store.js";
import { Table } from "../table.js";
import { certificateLevel } from "../verdict.js";
import { t, word } from "../words.js";
import { makeBars } from "./overview.js";

const MAX_NOTICE = 500;

export function system() {
  const facts = h("dl", { class: "facts" });
  const certificates = certificateTable();
  const drops = makeBars(t("drops.none"));
  const stun = makeBars(t("stun.none"));
  const stunRate = h("p", { class: "help" });
  const workers = workerTable();
  const notices = makeNotices();
  const drain = makeDrain();
  const element = h(
    "div",
    { class: "view" },
    h("section", { class: "card" }, h("h1", { text: t("system.title") }), facts, h("div", { class: "buttons" }, button(t("reload.do"), askReload), button(t("level.do"), askLevel), drain.element)),
    notices.element,
    card(t("certificates.title"), certificates.element),
    h("div", { class: "two even" }, card(t("drops.title"), drops.element), card(t("stun.title"), stunRate, stun.element)),
    card(t("workers.title"), workers.element),
  );
  return {
    element,
    load: () => Promise.all([loadList("certificates", { maxAgeS: 5 }), loadList("mesh", { maxAgeS: 1 })]),
    update() {
      const { overview, lists } = store;
      keyed(facts, relayFacts(overview), ([label]) => label, ([label]) => h("div", {}, h("dt", { text: label }), h("dd")), (line, [, text]) => setText(line.lastChild, text));
      certificates.update(lists.certificates?.certificates ?? []);
      drops.update(Object.entries(overview.drops ?? {}).map(([reason, n]) => ({ id: reason, label: word("drop", reason), value: n, text: count(n) })));
      stun.update(Object.entries(overview.stun ?? {}).map(([name, n]) => ({ id: name, label: word("stun", name), value: n, text: count(n) })));
      setText(stunRate, t("stun.rate", { rate: packets(overview.rates.stun_requests_per_s) }));
      workers.update(lists.mesh?.workers ?? []);
      notices.update();
      drain.update();
    },
  };
}

function relayFacts({ relay, process, totals }) {
  return [
    [t("fact.version"), relay.version],
    [t("fact.up"), span(now() - relay.started)],
    [t("fact.name"), relay.hostname],
    [t("fact.addresses"), listed(relay.addresses ?? [])],
    [t("fact.region"), relay.region_id ? String(relay.region_id) : ""],
    [t("fact.key"), relay.public_key],
    [t("fact.cpu"), process?.cpu_percent === undefined ? "" : `${number(process.cpu_percent)} %`],
    [t("fact.memory"), process?.resident_bytes ? bytes(process.resident_bytes) : ""],
    [t("fact.fds"), process?.max_fds ? t("fact.of", { n: count(process.open_fds), of: count(process.max_fds) }) : ""],
    [t("fact.queued"), bytes(totals.queued_bytes)],
    [t("fact.logins"), t("fact.logins_text", { logins: count(totals.logins), refused: count(totals.refused), held: count(totals.held) })],
    [t("fact.workers"), relay.workers > 1 || relay.worker_restarts ? t("fact.workers_text", { n: relay.workers, restarts: count(relay.worker_restarts) }) : ""],
    [t("fact.level"), relay.log_level],
    [t("fact.state_dir"), relay.state_dir],
  ].filter(([, text]) => text);
}

function certificateTable() {
  return new Table({
    caption: t("certificates.title"),
    keyOf: (row) => `${row.listener} ${(row.names ?? []).join(" ")} ${row.not_after}`,
    empty: t("certificates.none"),
    columns: [
      { id: "names", label: t("column.names"), isHead: true, class: "wide", text: (row) => listed(row.names ?? []) || row.cert_name || row.listener, sub: (row) => row.listener },
      { id: "source", label: t("column.source"), rank: 2, text: (row) => word("source", row.source), sub: (row) => (row.pinned ? t("certificates.pinned") : row.issuer) },
      { id: "until", label: t("column.until"), rank: 2, isNumber: true, text: (row) => date(row.not_after) },
      { id: "left", label: t("column.left"), isNumber: true, text: (row) => (row.days_left > 0 ? span(row.days_left * 86400) : t("certificates.over")), tone: certificateLevel },
    ],
  });
}

function workerTable() {
  return new Table({
    caption: t("workers.title"),
    keyOf: (row) => row.number,
    empty: t("workers.none"),
    columns: [
      { id: "number", label: t("column.worker"), isHead: true, class: "wide", text: (row) => t("workers.number", { number: row.number }), sub: (row) => `PID ${row.pid}` },
      { id: "clients", label: t("column.connections"), isNumber: true, text: (row) => count(row.clients) },
      { id: "cpu", label: t("fact.cpu"), isNumber: true, text: (row) => `${number(row.cpu_percent ?? 0)} %`, tone: (row) => (row.cpu_percent > 90 ? "warn" : "") },
      { id: "memory", label: t("fact.memory"), isNumber: true, rank: 2, text: (row) => bytes(row.resident_bytes) },
    ],
  });
}

// --- what an operator may do ----------------------------------------------------------------------------------------

function makeNotices() {
  const list = h("div", { class: "notices" });
  const input = h("input", { name: "text", maxlength: MAX_NOTICE, required: true, autocomplete: "off", placeholder: t("notice.placeholder"), "aria-label": t("notice.title") });
  const form = h("form", { class: "line" }, input, h("button", { class: "first", text: t("notice.do") }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if ((await act("POST", "notice", { text: input.value.trim() })) === null) return;
    input.value = "";
    say(t("notice.done"));
  });
  const clear = async (one) => {
    if ((await act("DELETE", "notice", audience(one.id))) !== null) say(t("notice.cleared"));
  };
  return {
    element: card(t("notice.title"), h("p", { class: "help", text: t("notice.help") }), list, form),
    update() {
      keyed(
        list,
        store.overview.notices ?? [],
        (one) => one.id,
        (one) => h("p", { class: "notice" }, icon("note"), h("span"), button("", () => clear(one), "small")),
        (line, one) => {
          const endsAll = !Object.keys(audience(one.id)).length && store.overview.notices.length > 1;
          setText(line.children[1], one.text);
          setText(line.children[2], t(endsAll ? "notice.clear_all" : "notice.clear"));
        },
      );
    },
  };
}

// Whom a notice is for, by its id: a device, a tenant; else everybody, with which all others end too.
function audience(id) {
  if (id.startsWith("nodekey:")) return { key: id };
  return id.startsWith("tenant:") ? { tenant: id.slice("tenant:".length) } : {};
}

function askReload() {
  confirm({
    title: t("reload.title"),
    text: t("reload.text"),
    yes: t("reload.do"),
    async run() {
      const done = await act("POST", "reload", {});
      if (done === null) return false;
      const changed = listed(done.changed ?? []);
      const later = listed(done.needs_restart ?? []);
      say(changed ? t("reload.done", { changed }) : t("reload.same"));
      if (later) say(t("reload.later", { later }), "warn");
      forget("certificates", "verifiers", "tenants", "quotas");
      return true;
    },
  });
}

async function askLevel() {
  const found = await act("GET", "log-level");
  if (found === null) return;
  const level = h("select", { name: "level" }, ...["debug", "info", "warning", "error"].map((one) => h("option", { value: one, text: t(`level.${one}`) })));
  level.value = found.level;
  const debug = h("input", { name: "debug", autocomplete: "off", spellcheck: "false", placeholder: "nodekey:… 203.0.113.7" });
  debug.value = (found.debug ?? []).join(" ");
  confirm({
    title: t("level.title"),
    fields: [field(t("level.level"), level), field(t("level.follow"), debug, t("level.follow_help"))],
    yes: t("level.set"),
    async run() {
      const done = await act("PUT", "log-level", { level: level.value, debug: debug.value.split(/[\s,;]+/).filter(Boolean) });
      if (done !== null) say(t("level.done"));
      return done !== null;
    },
  });
}

function makeDrain() {
  const start = button(t("drain.do"), askDrain, "danger");
  const stop = button(t("drain.stop"), async () => {
    if ((await act("DELETE", "drain")) !== null) say(t("drain.stopped"));
  });
  const element = h("span", {}, start, stop);
  return {
    element,
    update() {
      const isDraining = ["draining", "evacuating"].includes(store.overview.state);
      start.hidden = isDraining;
      stop.hidden = !isDraining;
    },
  };
}

function askDrain() {
  const how = ["evacuate", "over"].map((one, index) => {
    const input = h("input", { type: "radio", name: "how", value: one, checked: index === 0 });
    return h("label", { class: "check" }, input, h("span", {}, h("strong", { text: t(`drain.${one}`) }), h("small", { text: t(`drain.${one}_help`) })));
  });
  const seconds = h("input", { type: "number", name: "seconds", min: 0, max: 86400, value: 30, inputmode: "numeric" });
  confirm({
    title: t("drain.title"),
    text: t("drain.text"),
    fields: [h("fieldset", {}, h("legend", { class: "unseen", text: t("drain.title") }), ...how), field(t("drain.seconds"), seconds)],
    yes: t("drain.do"),
    kind: "danger",
    async run() {
      const isOver = how[1].querySelector("input").checked;
      const done = await act("POST", "drain", isOver ? { over_s: Number(seconds.value) } : { evacuate: true });
      if (done !== null) say(t("drain.done"));
      return done !== null;
    },
  });
}
