// Dialogs: the token, a question before something is done, and what became of it.

import { AwayError, call, hasToken, setToken } from "./api.js";
import { button, h, icon } from "./dom.js";
import { t } from "./words.js";

const SAID_MS = 6000;
let number = 0; // of the dialog that was opened last

// Opens a dialog of these parts; it is removed when it is closed. What its form's button has as value is the answer.
export function open(title, parts, { isBroad = false } = {}) {
  number += 1;
  const heading = h("h2", { text: title, id: `dialog-${number}` });
  const dialog = h("dialog", { class: isBroad ? "broad" : "", "aria-labelledby": heading.id });
  const close = h("button", { type: "button", class: "plain icon-only", "aria-label": t("close"), on: { click: () => dialog.close() } }, icon("close"));
  dialog.append(h("div", { class: "dialog-head" }, heading, close), ...parts);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// Says something for a few seconds, to screen readers too; what went wrong in the dialog that it went wrong in.
export function say(text, level = "good") {
  const line = h("p", { class: `said ${level}`, role: level === "bad" ? "alert" : false }, icon(level), h("span", { text }));
  const asked = level === "bad" ? [...document.querySelectorAll("dialog[open]")].at(-1) : undefined;
  asked?.querySelector(".said")?.remove();
  (asked ?? document.getElementById("said")).append(line);
  setTimeout(() => line.remove(), level === "bad" ? 2 * SAID_MS : SAID_MS);
}

let asking = null;

// Asks for the token; resolves to whether there is one now. Asked twice at once, it is one dialog.
export function askToken(why) {
  asking ??= new Promise((resolve) => {
    const wasWrong = hasToken();
    if (wasWrong) setToken(""); // where seeing needs none, this page goes on without
    const input = h("input", { type: "password", name: "token", autocomplete: "off", required: true, "aria-describedby": "token-help", spellcheck: "false" });
    const form = h("form", {}, h("label", {}, h("span", { text: t("token.label") }), input), h("div", { class: "buttons" }, h("button", { class: "first", text: t("token.use") })));
    const dialog = open(t("token.title"), [
      h("p", { text: why }),
      h("p", { id: "token-help", text: t(wasWrong ? "token.help_wrong" : "token.help") }),
      h("pre", { text: "tailhub dashboard" }),
      form,
    ]);
    dialog.classList.add("token");
    let isGiven = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      setToken(input.value);
      isGiven = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      asking = null;
      resolve(isGiven);
    });
    input.focus();
  });
  return asking;
}

// Does something at the relay, asking for the token if that is what it needs; what it answered, or null if it did not
// come to that. What went wrong is said.
export async function act(method, path, body) {
  for (;;) {
    try {
      return await call(method, path, body);
    } catch (error) {
      if (error instanceof AwayError) say(t("away.act"), "bad");
      else if (error.status !== 401) say([error.message, error.remedy].filter(Boolean).join(" "), "bad");
      else if (await askToken(t("token.act"))) continue;
      return null;
    }
  }
}

// Asks before something is done. `fields`: elements that belong to the question. `run` does it and gives whether it
// was done: the dialog stays open when it was not.
export function confirm({ title, text, fields = [], yes, kind = "first", run }) {
  const go = h("button", { class: kind, text: yes });
  const form = h("form", {}, ...fields, h("div", { class: "buttons" }, button(t("cancel"), () => dialog.close()), go));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      if (await run()) dialog.close();
    } finally {
      go.disabled = false;
    }
  });
  const dialog = open(title, [...(text ? [h("p", { text })] : []), form]);
  (form.querySelector("input:not([type=checkbox]), select") ?? go).focus();
}

// A field of a question: its label, the element, and a remark.
export function field(label, element, remark = "") {
  return h("label", { class: "field" }, h("span", { text: label }), element, ...(remark ? [h("small", { text: remark })] : []));
}
