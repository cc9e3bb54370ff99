// What the relay has told: the overview and the history each second, lists as often as who shows them wants.

import { AwayError, get } from "./api.js";

const KEPT_S = 900; // of history
const KEPT_EVENTS = 1000;
const GAP_S = 25; // no numbers for longer than that: the line in a chart is broken
const SERIES = ["bytes_received_per_s", "bytes_sent_per_s", "packets_received_per_s", "packets_sent_per_s", "packets_dropped_per_s", "stun_requests_per_s", "clients"];

export const store = {
  overview: null,
  history: { t: [], ...Object.fromEntries(SERIES.map((name) => [name, []])) },
  lists: {}, // name to what the API gave
  events: [],
  nextEvent: 0,
  problems: {}, // name to the RefusedError that it gave instead
  heardAt: 0, // when it answered last, by performance.now(), ms
  awaySince: null, // the same clock
  clockOffsetS: 0, // the relay's clock is so far ahead of this machine's
};

const loadedAt = {};

// Now, by the relay's clock, seconds since 1970.
export const now = () => Date.now() / 1000 + store.clockOffsetS;

// For how long nothing has been heard, in seconds.
export const ageS = () => (performance.now() - store.heardAt) / 1000;

// Asks for the overview and what is new in the history.
export async function loadNumbers() {
  const since = store.history.t.at(-1) ?? 0;
  const [overview, history] = await Promise.all([get("overview"), get("history", { since })]);
  const isRestarted = store.overview !== null && store.overview.relay.started !== overview.relay.started;
  store.overview = overview;
  store.heardAt = performance.now();
  store.clockOffsetS = overview.relay.now - Date.now() / 1000;
  append(history, isRestarted);
}

function append(news, isRestarted) {
  const { history } = store;
  news.t.forEach((at, index) => {
    const last = history.t.at(-1);
    if (last !== undefined && at <= last) return;
    if (last !== undefined && (at - last > GAP_S || (isRestarted && index === 0))) {
      push((last + at) / 2, () => null);
    }
    push(at, (name) => news[name]?.[index] ?? null);
  });
  const first = history.t.findIndex((at) => at >= (history.t.at(-1) ?? 0) - KEPT_S);
  if (first > 0) for (const column of Object.values(history)) column.splice(0, first);

  function push(at, value) {
    history.t.push(at);
    for (const name of SERIES) history[name].push(value(name));
  }
}

// Asks for a list unless it is younger than `maxAgeS`; with a `query` it is asked for each time. A refusal is kept, for
// whoever shows the list: one list that cannot be had is no reason to show nothing.
export async function loadList(name, { query, maxAgeS = 0 } = {}) {
  if (query === undefined && performance.now() - (loadedAt[name] ?? -Infinity) < maxAgeS * 1000) return;
  loadedAt[name] = performance.now();
  try {
    store.lists[name] = await get(name, query);
    delete store.problems[name];
  } catch (error) {
    loadedAt[name] = -Infinity;
    if (error instanceof AwayError || error.status === 401) throw error;
    store.problems[name] = error;
  }
}

// Asks for the lines of the log that are new.
export async function loadEvents() {
  const { events } = store;
  const news = await get("events", { after: store.nextEvent, limit: 1000 });
  store.nextEvent = news.next;
  events.push(...news.events);
  events.splice(0, events.length - KEPT_EVENTS);
}

// What is shown of a list is out of date, as after an action.
export function forget(...names) {
  for (const name of names) loadedAt[name] = -Infinity;
}
