// What has happened: the relay's last log lines, and what operators have done.

import { card, h, keyed, setText } from "../dom.js";
import { time } from "../format.js";
import { loadEvents, loadList, store } from "../store.js";
import { t } from "../words.js";
import { eventLines } from "./overview.js";

const SHOWN = 200;

export function log() {
  const events = eventLines(t("events.none"));
  const search = h("input", { type: "search", placeholder: t("events.search"), "aria-label": t("events.search"), autocomplete: "off", spellcheck: "false" });
  const level = h("select", { "aria-label": t("events.level") }, ...["all", "warning", "error"].map((one) => h("option", { value: one, text: t(`events.level_${one}`) })));
  const audit = h("ol", { class: "events audit" });
  const none = h("p", { class: "empty", text: t("audit.none") });
  const view = {
    element: h("div", { class: "view" }, card(t("events.title"), h("div", { class: "tools" }, search, level), events.element), card(t("audit.title"), h("p", { class: "help", text: t("audit.help") }), audit, none)),
    load: () => Promise.all([loadEvents(), loadList("audit", { query: { limit: 100 } })]),
    update() {
      const wanted = search.value.trim().toLowerCase();
      const levels = { all: null, warning: ["warning", "error"], error: ["error"] }[level.value];
      const fits = (one) => (!levels || levels.includes(one.level)) && one.text.toLowerCase().includes(wanted);
      events.update(store.events.filter(fits).slice(-SHOWN).reverse());
      const entries = [...(store.lists.audit?.entries ?? [])].sort((a, b) => b.at - a.at);
      none.hidden = entries.length > 0;
      keyed(audit, entries, (one) => `${one.at} ${one.action} ${one.target}`, () => h("li", {}, h("time"), h("span")), (line, one) => {
        setText(line.firstChild, time(one.at));
        setText(line.lastChild, [one.action, one.target, one.caller, one.outcome].filter(Boolean).join(" · "));
      });
    },
  };
  search.addEventListener("input", view.update);
  level.addEventListener("change", view.update);
  return view;
}
