// Devices that were refused, and letting one in.

import { h } from "../dom.js";
import { act, confirm, field, say } from "../dialogs.js";
import { count, shortSpan } from "../format.js";
import { forget, loadList, now, store } from "../store.js";
import { Table } from "../table.js";
import { t, word } from "../words.js";

const MAX_NAME = 100;

export function pendingTable() {
  const table = new Table({
    caption: t("pending.title"),
    keyOf: (row) => row.id,
    empty: t("pending.none"),
    columns: [
      { id: "name", label: t("column.device"), isHead: true, class: "wide", text: (row) => row.node || row.short, sub: replaced },
      { id: "address", label: t("column.address"), rank: 2, text: (row) => row.address, sub: (row) => (row.is_held ? t("pending.held") : "") },
      { id: "last", label: t("column.last"), isNumber: true, text: (row) => shortSpan(now() - row.last_unix_s), sub: (row) => t("pending.times", { n: row.count, count: count(row.count) }) },
      { id: "approve", label: t("column.action"), isUnlabelled: true, class: "action", button: "first small", text: () => t("approve.do"), run: askApprove },
    ],
  });
  return { element: table.element, update: (list) => table.update(list?.pending ?? []) };
}

function replaced(row) {
  if (!row.replaces) return row.node ? row.short : "";
  return t(`pending.replaces_${row.replaces.reason === "name" ? "name" : "address"}`, { name: row.replaces.name || row.replaces.short });
}

async function askApprove(row) {
  const old = row.replaces;
  await loadList("tenants", { maxAgeS: 30 }).catch(() => {});
  const names = (store.lists.tenants?.tenants ?? []).map((one) => one.name).filter((name) => name && name !== "default");
  const name = h("input", { name: "name", autocomplete: "off", spellcheck: "false", maxlength: MAX_NAME, pattern: "\\S+", title: t("approve.name_help") });
  name.value = row.node || old?.name || "";
  const tenant = h("select", { name: "tenant" }, h("option", { value: "", text: t("approve.no_tenant") }), ...names.map((one) => h("option", { value: one, text: one })));
  tenant.value = names.includes(old?.tenant) ? old.tenant : "";
  const replace = h("input", { type: "checkbox", name: "replace" });
  const fields = [
    h("p", { class: "key-line" }, h("code", { text: row.key })),
    field(t("approve.name"), name, t("approve.name_help")),
    ...(names.length ? [field(t("column.tenant"), tenant)] : []),
    ...(old ? [h("label", { class: "check" }, replace, h("span", { text: t("approve.replace", { name: old.name || old.short, short: old.short, reason: word("replaces", old.reason) }) }))] : []),
  ];
  confirm({
    title: t("approve.title"),
    text: t("approve.text"),
    fields,
    yes: t("approve.do"),
    async run() {
      const done = await act("POST", `pending/${row.id}/approve`, { name: name.value.trim(), tenant: tenant.value, replace: replace.checked, comment: "" });
      if (done === null) return false;
      say(t("approve.done", { name: done.allowed?.name || row.short }));
      forget("pending");
      await loadList("pending").catch(() => {});
      return true;
    },
  });
}
