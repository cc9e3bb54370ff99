// The page's language: what was chosen here, else the browser's. All texts are in texts/, with the same keys in each.

import en from "./texts/en.js";
import zh from "./texts/zh.js";

const TEXTS = { en, zh };
const KEPT = "tailhub.language";

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export const language = TEXTS[kept()] ? kept() : (navigator.languages ?? []).find((one) => /^(en|zh)/.test(one))?.startsWith("zh") ? "zh" : "en";
export const locale = language === "zh" ? "zh-CN" : "en-GB";

// Takes the other language from the next load on; everything on the page is then new.
export function changeLanguage() {
  try {
    localStorage.setItem(KEPT, language === "zh" ? "en" : "zh");
  } catch {
    return;
  }
  location.reload();
}

// The text of a key, its {names} filled in. With {n} being 1 it is that of the key with "_one" behind, if there is one.
export function t(key, values = {}) {
  const texts = TEXTS[language];
  const text = (values.n === 1 ? texts[`${key}_one`] : undefined) ?? texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// The text of a word of the relay's, as a reason; the word itself where there is none, as from a newer relay.
export function word(group, name) {
  const texts = TEXTS[language];
  return texts[`${group}.${name}`] ?? String(name).replaceAll("_", " ");
}
