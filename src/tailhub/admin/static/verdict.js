// How the relay is, in words: the worst first, each with what to do. Decides only; `views/overview.js` shows it.

import { count, listed, percent, span } from "./format.js";
import { now, store } from "./store.js";
import { language, t, word } from "./words.js";

const RANK = { good: 0, note: 1, warn: 2, bad: 3 };
const CERTIFICATE_WARN_DAYS = 14;
const CERTIFICATE_BAD_DAYS = 3;
const PINNED_WARN_DAYS = 30; // each client has to get a new map before
const DROPPED_SHARE = 0.01;
const DROPPED_PER_S = 10; // fewer are nobody's trouble
const FULL_SHARE = 0.85;

// { level, title, issues: [{ level, text, todo, command, view }] }
export function verdict() {
  const issues = [...state(), ...faults(), ...certificates(), ...verifiers(), ...quotas(), ...meshIssues(), ...load(), ...waiting()];
  issues.sort((a, b) => RANK[b.level] - RANK[a.level]);
  const level = issues[0]?.level ?? "good";
  return { level, title: title(level, issues), issues };
}

function title(level, issues) {
  const { state } = store.overview;
  if (state === "draining" || state === "evacuating" || state === "starting" || state === "lost") return t(`verdict.${state}`);
  if (level === "note" || level === "good") return t("verdict.good");
  const n = issues.filter((one) => one.level !== "note").length;
  return t(n === 1 ? `verdict.${level}` : `verdict.${level}_many`, { n });
}

const issue = (level, text, todo = "", more = {}) => ({ level, text, todo, ...more });

function state() {
  switch (store.overview.state) {
    case "starting":
      return [issue("note", t("issue.starting"), t("issue.starting.todo"))];
    case "draining":
    case "evacuating":
      return [issue("warn", t(`issue.${store.overview.state}`, { span: span(store.overview.drain?.ends_in_s ?? 0) }), t("issue.draining.todo"), { view: "system" })];
    case "lost":
      return [issue("bad", t("issue.lost"), t("issue.lost.todo"), { command: "tailhub service status" })];
    default:
      return [];
  }
}

const faults = () => (store.overview.faults ?? []).map((fault) => issue("bad", fault, t("issue.fault.todo"), { view: "log" }));

function certificates() {
  const found = [];
  for (const one of store.lists.certificates?.certificates ?? []) {
    const name = listed((one.names ?? []).slice(0, 3)) || one.listener;
    const level = certificateLevel(one);
    const todo = t(`issue.certificate.todo_${one.source === "acme" ? "acme" : one.pinned ? "pinned" : "files"}`);
    const text = one.days_left <= 0 ? t("issue.certificate_over", { name }) : t("issue.certificate", { name, span: span(one.days_left * 86400) });
    if (level !== "good") found.push(issue(level, text, todo, { view: "system" }));
  }
  return found;
}

// How soon it ends; of one that lasts only days, not before its last quarter or tenth.
export function certificateLevel(one) {
  const lasts = (one.not_after - one.not_before) / 86400 || Infinity;
  if (one.days_left <= Math.min(CERTIFICATE_BAD_DAYS, lasts / 10)) return "bad";
  const days = one.pinned ? PINNED_WARN_DAYS : one.source === "acme" ? CERTIFICATE_WARN_DAYS / 2 : CERTIFICATE_WARN_DAYS;
  return one.days_left <= Math.min(days, lasts / 4) ? "warn" : "good";
}

function verifiers() {
  return (store.lists.verifiers?.verifiers ?? [])
    .filter((one) => one.state === "unreachable" || one.state === "error")
    .map((one) => issue("warn", t(`issue.verifier_${one.state}`, { name: one.name, span: span(now() - (one.since ?? now())) }), [one.detail, t("issue.verifier.todo")].filter(Boolean).join(" · "), { view: "access" }));
}

function quotas() {
  const over = (store.lists.quotas?.quotas ?? []).filter((one) => one.level === "over");
  if (over.length === 0) return [];
  const names = listed(over.slice(0, 3).map((one) => one.name || one.tenant || one.key));
  return [issue("warn", t("issue.quota", { n: over.length, names }), t("issue.quota.todo"), { view: "usage" })];
}

// What the relay has found half up in the mesh, in its own words: a headline, and the first thing to do.
export function meshIssues() {
  const found = (store.lists.mesh?.troubles ?? []).map((one) => {
    const { what, remedy } = one.texts?.[language] ?? one;
    const [, todo, command] = /^(.*?)(?:[:：]\s*)?(?:`(tailhub [^`]+)`)?$/.exec(remedy.split("\n")[0]);
    return issue(one.severity === "note" ? "note" : "warn", what.split("\n")[0], todo.replaceAll("`", ""), { command, view: "mesh" });
  });
  return found.sort((a, b) => RANK[b.level] - RANK[a.level]);
}

function load() {
  const { rates, process, drops } = store.overview;
  const found = [];
  const dropped = rates.packets_dropped_per_s ?? 0;
  if (dropped > DROPPED_PER_S && dropped > DROPPED_SHARE * (rates.packets_received_per_s ?? 0)) {
    const most = Object.entries(drops ?? {}).sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
    found.push(issue("warn", t("issue.drops", { share: percent(dropped / Math.max(dropped, rates.packets_received_per_s)) }), most ? t("issue.drops.todo", { reason: word("drop", most) }) : "", { view: "system" }));
  }
  if (process?.max_fds > 0 && process.open_fds > FULL_SHARE * process.max_fds) {
    found.push(issue("warn", t("issue.fds", { open: count(process.open_fds), max: count(process.max_fds) }), t("issue.fds.todo")));
  }
  return found;
}

function waiting() {
  const { pending, totals } = store.overview;
  const found = [];
  if (pending > 0) found.push(issue("note", t("issue.pending", { n: pending }), t("issue.pending.todo"), { view: "access" }));
  if (totals.connections === 0 && store.overview.state === "ready") found.push(issue("note", t("issue.nobody"), t("issue.nobody.todo"), { command: "tailhub derpmap" }));
  return found;
}
