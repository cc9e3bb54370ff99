// Quotas of the current period, with what they cost.

import { card, h, keyed, setAttribute, setText } from "../dom.js";
import { bytes, called, date, money, number, percent } from "../format.js";
import { loadList, store } from "../store.js";
import { t } from "../words.js";

export function usage() {
  const period = h("p", { class: "help" });
  const list = h("ul", { class: "quotas" });
  const none = h("p", { class: "empty", text: t("quotas.none") });
  return {
    element: h("div", { class: "view" }, h("section", { class: "card whole" }, h("h1", { text: t("quotas.title") }), period, list, none)),
    load: () => loadList("quotas", { maxAgeS: 2 }),
    update() {
      const found = store.lists.quotas;
      if (!found) return;
      const rows = [...found.quotas].sort((a, b) => share(b) - share(a));
      setText(period, found.period?.start ? [t("quotas.period", { start: date(found.period.start), end: date(found.period.end) }), found.price_per_gb ? t("quotas.price", { price: money(found.price_per_gb, found.currency) }) : ""].filter(Boolean).join(" ") : "");
      none.hidden = rows.length > 0;
      keyed(list, rows, (row) => `${row.scope} ${row.tenant} ${row.key}`, make, (line, row) => fill(line, row, found.currency));
    },
  };
}

const share = (row) => (row.quota_bytes > 0 ? row.used_bytes / row.quota_bytes : 0);

function make() {
  return h("li", {}, h("div", { class: "quota-head" }, h("strong"), h("span", { class: "sub" }), h("span", { class: "cost" })), h("div", { class: "meter" }, h("i")), h("div", { class: "quota-foot" }, h("span"), h("span", { class: "number" })));
}

function fill(line, row, currency) {
  const [head, meter, foot] = line.children;
  const used = share(row);
  line.className = row.level;
  const own = row.scope === "tenant" ? row.name || row.tenant || t("tenants.own") : called(row.name, row.key?.slice(0, 16));
  setText(head.children[0], own === "default" ? t("tenants.own") : own);
  setText(head.children[1], t(`quotas.scope_${row.scope}`) + (row.scope === "key" && row.tenant ? ` · ${row.tenant}` : ""));
  setText(head.children[2], money(row.cost, currency));
  meter.firstChild.style.width = `${Math.min(100, 100 * used)}%`;
  for (const [name, value] of [["role", "meter"], ["aria-valuemin", 0], ["aria-valuemax", 100], ["aria-valuenow", number(Math.min(100, used * 100))], ["aria-label", own]]) setAttribute(meter, name, value);
  setText(foot.children[0], row.quota_bytes > 0 ? t("quotas.used", { used: bytes(row.used_bytes), quota: bytes(row.quota_bytes) }) : bytes(row.used_bytes));
  setText(foot.children[1], row.quota_bytes > 0 ? (row.level === "over" ? t("quotas.over", { share: percent(used) }) : percent(used)) : "");
}
