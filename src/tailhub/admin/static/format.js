// Numbers, times and sizes as people read them: SI units, at most three figures, digits that stand still.

import { language, locale, t } from "./words.js";

const UNITS = ["", "k", "M", "G", "T", "P"];
const figures = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const fullDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
export const NONE = "–";

function scaled(value, unit) {
  let step = 0;
  let number = Math.abs(value);
  while (number >= 999.5 && step < UNITS.length - 1) {
    number /= 1000;
    step += 1;
  }
  return `${figures.format(step === 0 ? Math.round(number) : number)}\u00a0${UNITS[step]}${unit}`;
}

const long = new Intl.NumberFormat(locale, { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 3 });

export const count = (value) => whole.format(value ?? 0);
export const roughly = (value) => (value < 1e6 ? whole.format(value) : long.format(value));
export const bytes = (value) => scaled(value ?? 0, "B");
export const bits = (bytesPerSecond) => scaled((bytesPerSecond ?? 0) * 8, "bit/s");
export const packets = (perSecond) => (perSecond < 9999.5 ? `${whole.format(perSecond ?? 0)}/s` : `${scaled(perSecond, "").trimEnd()}/s`);
export const percent = (share) => `${figures.format(share * 100)}\u00a0%`;
export const milliseconds = (value) => (value === null || value === undefined ? NONE : `${figures.format(value)}\u00a0ms`);
export const number = (value) => figures.format(value);

export function money(value, currency) {
  if (value === null || value === undefined) return "";
  try {
    if (currency) return new Intl.NumberFormat(locale, { style: "currency", currency }).format(value);
  } catch {
    // No code of ISO 4217: the word itself then.
  }
  return `${new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value)} ${currency ?? ""}`.trim();
}

// A length of time in its largest unit that is at least one: "12 days".
export function span(seconds) {
  if (seconds >= 2 * 365 * 86400) return t("span.year", { n: Math.floor(seconds / 365.25 / 86400) });
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, length] of steps) {
    if (seconds >= length) return t(`span.${unit}`, { n: Math.floor(seconds / length) });
  }
  return t("span.second", { n: Math.max(0, Math.floor(seconds)) });
}

// The same for columns: "12 d".
export function shortSpan(seconds) {
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, length] of steps) {
    if (seconds >= length) return t(`short.${unit}`, { n: Math.floor(seconds / length) });
  }
  return t("short.second", { n: Math.max(0, Math.floor(seconds)) });
}

export const ago = (unixSeconds, now) => (now - unixSeconds < 2 ? t("ago.now") : t("ago", { span: span(now - unixSeconds) }));
export const date = (unixSeconds) => fullDay.format(new Date(unixSeconds * 1000));

// The time of day; with the day if that is not today.
export function time(unixSeconds) {
  const at = new Date(unixSeconds * 1000);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

// Words one after the other: "a, b" and "a、b".
export const listed = (words) => words.filter(Boolean).join(language === "zh" ? "、" : ", ");

// What a device is called: its name, else its short key.
export const called = (name, short) => name || short;
