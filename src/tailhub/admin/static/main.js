// The dashboard: one page that asks its relay each second while somebody looks, and shows one view at a time.

import { AwayError, hasToken, setToken, takeToken } from "./api.js";
import { repaintCharts } from "./charts.js";
import { askToken } from "./dialogs.js";
import { h, icon, setAttribute, setText } from "./dom.js";
import { bits, shortSpan } from "./format.js";
import { ageS, loadList, loadNumbers, store } from "./store.js";
import { verdict } from "./verdict.js";
import { access } from "./views/access.js";
import { clients, pairs } from "./views/clients.js";
import { log } from "./views/log.js";
import { mesh } from "./views/mesh.js";
import { overview } from "./views/overview.js";
import { relays } from "./views/relays.js";
import { system } from "./views/system.js";
import { usage } from "./views/usage.js";
import { changeLanguage, language, locale, t } from "./words.js";

const VIEWS = { overview, clients, pairs, access, usage, system, mesh, log, relays };
const EVERY_MS = 1000;
const MAX_WAIT_MS = 10000;
const SELDOM_S = 15; // lists that the verdict needs
const STALE_S = 4; // numbers that are older are greyed

const made = {};
const tabs = {};
let current = "";
let timer = 0;
let isAsking = false;
let isWanted = false; // again, at once, when the running one is done
let failures = 0;
let isLocked = false; // it wants a token, and nobody has one

const main = document.getElementById("main");
const away = h("section", { class: "away", role: "alert", hidden: true });
const loading = h("p", { class: "loading", text: t("loading") });
const room = h("div", { class: "room", hidden: true }); // until something is known
main.append(away, loading, room);

// --- asking ---------------------------------------------------------------------------------------------------------

function soon() {
  isLocked = false;
  clearTimeout(timer);
  if (isAsking) isWanted = true;
  else ask();
}

async function ask() {
  isAsking = true;
  isWanted = false;
  const view = made[current];
  try {
    const seldom = ["certificates", "verifiers", "quotas", "mesh", "relays"].map((name) => loadList(name, { maxAgeS: SELDOM_S }));
    await Promise.all([loadNumbers(), view.load?.(), ...seldom]);
    failures = 0;
    store.awaySince = null;
    show();
  } catch (error) {
    failures += 1;
    if (error.status === 401) await ask401(error);
    else if (error instanceof AwayError || error.status) fail(error);
    else throw error;
  } finally {
    isAsking = false;
    again();
  }
}

// Without a token there is nothing to ask for: the page waits until somebody gives one.
async function ask401(error) {
  if (hasToken()) setToken(""); // no longer the relay's; where seeing needs none, it goes on without
  else if (!(await askToken(t("token.read")))) {
    isLocked = true;
    fail(error);
  }
}

function again() {
  clearTimeout(timer);
  if (document.hidden || isLocked) return; // asks again when somebody looks
  const wait = failures === 0 ? EVERY_MS : Math.min(MAX_WAIT_MS, EVERY_MS * 2 ** (failures - 1));
  timer = setTimeout(ask, isWanted ? 0 : wait);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) soon();
});

// --- showing --------------------------------------------------------------------------------------------------------

function show() {
  loading.hidden = true;
  room.hidden = false;
  tabs.relays.hidden = (store.lists.relays?.relays ?? []).length < 2;
  tabs.mesh.hidden = (store.lists.mesh?.peers ?? []).length === 0;
  setAttribute(tabs.access.lastChild, "hidden", store.overview.pending > 0 ? null : true);
  setText(tabs.access.lastChild, String(store.overview.pending));
  const { level, title } = verdict();
  const name = store.overview.relay.hostname || store.overview.relay.addresses?.[0] || "";
  setText(document.getElementById("relay-name"), name);
  document.title = [title, name, "tailhub"].filter(Boolean).join(" · ");
  setAttribute(document.getElementById("icon"), "href", `static/icons/${level === "note" ? "good" : level}.svg`);
  made[current].update();
  showAge();
}

function fail(error) {
  store.awaySince ??= performance.now();
  document.title = `${t("away.title")} · tailhub`;
  setAttribute(document.getElementById("icon"), "href", "static/icons/unknown.svg");
  loading.hidden = true;
  const isAway = error instanceof AwayError;
  away.replaceChildren(
    icon("bad"),
    h(
      "div",
      {},
      h("strong", { text: t(isAway ? "away.title" : "away.refused") }),
      h("p", { text: isAway ? t("away.text") : [error.message, error.remedy].filter(Boolean).join(" ") }),
      ...(isAway ? [h("code", { text: "tailhub service status" }), h("code", { text: "journalctl -u tailhub -n 50" })] : []),
      h("p", { class: "age" }),
    ),
    h("button", { type: "button", text: t("away.again"), on: { click: soon } }),
  );
  showAge();
}

// How old the numbers are: said, and greyed, when that is more than a moment.
function showAge() {
  const isAway = store.awaySince !== null;
  const isStale = isAway || (store.overview !== null && ageS() > STALE_S);
  away.hidden = !isAway;
  document.body.classList.toggle("stale", isStale && store.overview !== null);
  const live = document.getElementById("live");
  live.dataset.state = isStale ? "stale" : store.overview ? "live" : "";
  if (isStale && store.overview) setText(live, t("live.age", { span: shortSpan(ageS()) }));
  else if (store.overview) setText(live, bits(store.overview.rates.bytes_sent_per_s));
  const age = away.querySelector(".age");
  if (age && isAway) setText(age, store.overview ? t("away.age", { span: shortSpan(ageS()) }) : "");
}
setInterval(showAge, EVERY_MS);

// --- views ----------------------------------------------------------------------------------------------------------

function choose() {
  const wanted = location.hash.slice(1);
  const name = Object.hasOwn(VIEWS, wanted) ? wanted : "overview";
  if (name === current) return;
  const isFirst = current === "";
  current = name;
  made[name] ??= VIEWS[name]({ soon });
  room.replaceChildren(made[name].element);
  for (const [one, tab] of Object.entries(tabs)) setAttribute(tab, "aria-current", one === name ? "page" : null);
  tabs[name].scrollIntoView({ block: "nearest", inline: "center" });
  if (store.overview) made[name].update();
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  soon();
}

function makeTabs() {
  const nav = document.getElementById("views");
  nav.setAttribute("aria-label", t("views"));
  for (const name of Object.keys(VIEWS)) {
    tabs[name] = h("a", { href: `#${name}` }, h("span", { text: t(`view.${name}`) }), h("span", { class: "badge", hidden: true }));
    nav.append(tabs[name]);
  }
  tabs.mesh.hidden = tabs.relays.hidden = true;
}

// --- language and colours -------------------------------------------------------------------------------------------

function makeChoices() {
  const root = document.documentElement;
  root.lang = locale;
  const toggle = document.getElementById("language");
  setText(toggle, language === "zh" ? "English" : "中文");
  toggle.lang = language === "zh" ? "en" : "zh-CN";
  toggle.addEventListener("click", changeLanguage);
  const theme = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  const showTheme = () => {
    const chosen = root.dataset.theme ?? "auto";
    theme.replaceChildren(icon(chosen));
    theme.setAttribute("aria-label", t(`theme.${chosen}`));
    theme.title = t(`theme.${chosen}`);
  };
  theme.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % order.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem("tailhub.theme", next);
    } catch {
      // Storage is off: it lasts until the next load.
    }
    showTheme();
    repaintCharts();
  });
  showTheme();
  setText(document.getElementById("skip"), t("skip"));
  setText(document.getElementById("foot"), t("foot"));
}

takeToken();
makeChoices();
makeTabs();
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) takeToken();
  choose();
});
choose();
