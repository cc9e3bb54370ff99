// The first view: how the relay is, what goes through it now, and what waits for somebody.

import { Chart } from "../charts.js";
import { card, h, icon, keyed, setAttribute, setText } from "../dom.js";
import { bits, bytes, called, count, packets, roughly, span, time } from "../format.js";
import { loadEvents, loadList, now, store } from "../store.js";
import { Table } from "../table.js";
import { verdict } from "../verdict.js";
import { t, word } from "../words.js";
import { showClient } from "./client.js";
import { pendingTable } from "./pending.js";

const WINDOWS_S = [60, 300, 900];
const SHOWN_EVENTS = 6;
const SEEN_DROPS = 6;

export function overview() {
  const hero = makeHero();
  const figures = makeFigures();
  const charts = makeCharts();
  const waiting = pendingTable();
  const waitingCard = card(t("pending.title"), waiting.element);
  const talkers = talkersTable();
  const drops = makeBars(t("drops.none"));
  const events = eventLines(t("events.none"));
  const notices = h("div", { class: "notices" });
  const element = h(
    "div",
    { class: "view" },
    hero.element,
    notices,
    figures.element,
    waitingCard,
    charts.element,
    h("div", { class: "two" }, card(t("talkers.title"), talkers.element), h("div", { class: "stack" }, card(t("drops.title"), drops.element), card(t("events.title"), events.element))),
  );
  return {
    element,
    async load() {
      const { pending } = store.overview ?? {};
      await Promise.all([loadList("talkers", { query: { limit: 8 } }), loadEvents(), pending > 0 ? loadList("pending", { maxAgeS: 3 }) : null]);
    },
    update() {
      hero.update();
      figures.update();
      charts.update();
      waitingCard.hidden = !(store.overview.pending > 0 && (store.lists.pending?.pending ?? []).length > 0);
      waiting.update(store.lists.pending);
      talkers.update(store.lists.talkers?.clients ?? []);
      drops.update(Object.entries(store.overview.drops ?? {}).map(([reason, n]) => ({ id: reason, label: word("drop", reason), value: n, text: count(n) })), SEEN_DROPS);
      events.update(store.events.slice(-SHOWN_EVENTS).reverse());
      keyed(notices, store.overview.notices ?? [], (one) => one.id, () => h("p", { class: "notice" }, icon("note"), h("span")), (line, one) => setText(line.lastChild, t("notice.shown", { text: one.text })));
    },
  };
}

function makeHero() {
  const mark = h("span", { class: "sign" });
  const title = h("h1");
  const summary = h("p", { class: "summary" });
  const list = h("ul", { class: "issues" });
  const element = h("section", { class: "hero" }, mark, h("div", { class: "hero-text" }, title, summary), list);
  return {
    element,
    update() {
      const { level, title: text, issues } = verdict();
      if (element.dataset.level !== level) {
        element.dataset.level = level;
        mark.replaceChildren(icon(level === "note" ? "good" : level));
      }
      setText(title, text);
      setText(summary, summarized());
      keyed(list, issues, (one) => `${one.level} ${one.text}`, makeIssue, () => {});
      list.hidden = issues.length === 0;
    },
  };
}

export function makeIssue(issue) {
  const text = h("div", {}, h("strong", { text: issue.text }), h("span", { text: issue.todo }));
  if (issue.command) text.append(h("code", { text: issue.command }));
  if (issue.view && location.hash !== `#${issue.view}`) text.append(h("a", { href: `#${issue.view}`, text: t("issue.look") }));
  return h("li", { class: issue.level }, icon(issue.level), text);
}

function summarized() {
  const { totals, rates, relay } = store.overview;
  const parts = [t("summary.devices", { n: totals.clients, count: count(totals.clients) }), t("summary.rate", { rate: bits(rates.bytes_sent_per_s) }), t("summary.up", { span: span(now() - relay.started) })];
  return parts.join(t("summary.and"));
}

function makeFigures() {
  const names = ["devices", "in", "out", "packets", "dropped"];
  const parts = Object.fromEntries(names.map((name) => [name, { value: h("dd"), more: h("dd", { class: "more" }) }]));
  const element = h("dl", { class: "figures" }, ...names.map((name) => h("div", { class: `figure ${name}` }, h("dt", { text: t(`figure.${name}`) }), parts[name].value, parts[name].more)));
  const set = (name, value, more) => {
    setText(parts[name].value, value);
    setText(parts[name].more, more);
  };
  return {
    element,
    update() {
      const { totals, rates } = store.overview;
      set("devices", count(totals.clients), t("figure.homes", { homes: count(totals.homes), guests: count(totals.guests) }));
      set("in", bits(rates.bytes_received_per_s), t("figure.total", { total: bytes(totals.bytes_received) }));
      set("out", bits(rates.bytes_sent_per_s), t("figure.total", { total: bytes(totals.bytes_sent) }));
      set("packets", packets(rates.packets_received_per_s), t("figure.total", { total: roughly(totals.packets_received) }));
      set("dropped", packets(rates.packets_dropped_per_s), t("figure.total", { total: roughly(totals.packets_dropped) }));
      setAttribute(parts.dropped.value, "data-tone", rates.packets_dropped_per_s >= 1 ? "warn" : null);
    },
  };
}

function makeCharts() {
  let windowS = 300;
  const throughput = new Chart({
    label: t("chart.throughput"),
    format: bits,
    floor: 8000,
    height: 240,
    series: [
      { label: t("chart.in"), column: "bytes_received_per_s", colour: "--in" },
      { label: t("chart.out"), column: "bytes_sent_per_s", colour: "--out", isBelow: true },
    ],
  });
  const packetChart = new Chart({
    label: t("chart.packets"),
    format: packets,
    floor: 20,
    height: 180,
    series: [
      { label: t("chart.in"), column: "packets_received_per_s", colour: "--in" },
      { label: t("chart.out"), column: "packets_sent_per_s", colour: "--out", isBelow: true },
      { label: t("chart.dropped"), column: "packets_dropped_per_s", colour: "--lost", isLine: true },
    ],
  });
  const people = new Chart({ label: t("chart.devices"), format: count, floor: 4, height: 180, series: [{ label: t("chart.devices"), column: "clients", colour: "--calm" }] });
  const choices = WINDOWS_S.map((seconds) => {
    const choice = h("button", { type: "button", "aria-pressed": String(seconds === windowS), text: t("chart.window", { n: seconds / 60 }) });
    choice.addEventListener("click", () => {
      windowS = seconds;
      choices.forEach((one) => one.setAttribute("aria-pressed", String(one === choice)));
      update();
    });
    return choice;
  });
  const update = () => [throughput, packetChart, people].forEach((chart) => chart.update(store.history, windowS));
  const top = card(t("chart.throughput"), throughput.element);
  top.firstChild.after(h("div", { class: "choice", role: "group", "aria-label": t("chart.choose") }, ...choices));
  top.classList.add("has-choice");
  return { element: h("div", { class: "stack" }, top, h("div", { class: "two even" }, card(t("chart.packets"), packetChart.element), card(t("chart.devices"), people.element))), update };
}

function talkersTable() {
  return new Table({
    caption: t("talkers.title"),
    keyOf: (row) => row.id,
    empty: t("talkers.none"),
    columns: [
      { id: "name", label: t("column.device"), isHead: true, text: (row) => called(row.name, row.short), sub: (row) => row.owner || row.tenant || row.address, run: (row) => showClient(row.key), class: "wide" },
      { id: "sends", label: t("column.sends"), isNumber: true, text: (row) => bits(row.bytes_received_per_s) },
      { id: "gets", label: t("column.gets"), isNumber: true, text: (row) => bits(row.bytes_sent_per_s) },
      { id: "total", label: t("column.total"), isNumber: true, rank: 2, text: (row) => bytes(row.bytes_received + row.bytes_sent) },
    ],
  });
}

// Bars for numbers that add up to something, the greatest first.
export function makeBars(empty) {
  const list = h("ul", { class: "bars" });
  const none = h("p", { class: "empty", text: empty });
  const element = h("div", {}, list, none);
  return {
    element,
    update(items, most = Infinity) {
      const shown = items.filter((one) => one.value > 0).sort((a, b) => b.value - a.value).slice(0, most);
      const top = shown[0]?.value ?? 1;
      none.hidden = shown.length > 0;
      keyed(list, shown, (one) => one.id, () => h("li", {}, h("span"), h("span", { class: "number" }), h("span", { class: "bar" }, h("i"))), (line, one) => {
        setText(line.children[0], one.label);
        setText(line.children[1], one.text);
        line.children[2].firstChild.style.width = `${Math.max(1, (100 * one.value) / top)}%`;
      });
    },
  };
}

// Lines of the relay's log.
export function eventLines(empty) {
  const list = h("ol", { class: "events" });
  const none = h("p", { class: "empty", text: empty });
  return {
    element: h("div", {}, list, none),
    update(events) {
      none.hidden = events.length > 0;
      keyed(list, events, (one) => one.seq, () => h("li", {}, h("time"), h("span")), (line, one) => {
        line.className = one.level;
        setText(line.firstChild, time(one.at));
        setText(line.lastChild, one.text);
      });
    },
  };
}
