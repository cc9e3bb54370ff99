// A table of the API's rows: sorted and searched by the relay, which sends a page of them.

import { h, icon, keyed, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { t } from "./words.js";

// `columns`: [{ id, label, sort, first, isNumber, rank, text(row), sub(row), run(row), tone(row),
// isUnlabelled }]. `sort`: the API's
// word for it, `first`: the order at the first click; `rank` 2 is left out on phones, 3 on small screens too; `run`:
// the text is a button.
export class Table {
  constructor({ caption, columns, keyOf, empty, sort = null, onSort = null }) {
    Object.assign(this, { columns, keyOf, sort, onSort });
    this.heads = columns.map((column) => this.head(column));
    this.body = h("tbody");
    this.empty = h("p", { class: "empty", text: empty });
    this.table = h("table", {}, h("caption", { class: "unseen", text: caption }), h("thead", {}, h("tr", {}, ...this.heads)), this.body);
    this.element = h("div", { class: "table" }, this.table, this.empty);
    this.update([]);
  }

  head(column) {
    const cell = h("th", { scope: "col", class: place(column) });
    if (!column.sort || !this.onSort) cell.append(h("span", { text: column.label, class: column.isUnlabelled ? "unseen" : "" }));
    else cell.append(h("button", { type: "button", text: column.label, on: { click: () => this.sortBy(column) } }));
    return cell;
  }

  sortBy(column) {
    const isSame = this.sort.by === column.sort;
    const order = isSame ? (this.sort.order === "desc" ? "asc" : "desc") : (column.first ?? "desc");
    this.sort = { by: column.sort, order };
    this.onSort(this.sort);
  }

  update(rows) {
    this.columns.forEach((column, index) => {
      const isSorted = this.sort !== null && column.sort === this.sort.by;
      setAttribute(this.heads[index], "aria-sort", isSorted ? (this.sort.order === "desc" ? "descending" : "ascending") : null);
    });
    this.table.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    keyed(this.body, rows, this.keyOf, () => this.make(), (element, row) => this.fill(element, row));
  }

  make() {
    const row = h("tr");
    for (const column of this.columns) {
      const main = column.run ? h("button", { type: "button", class: column.button ?? "link", on: { click: () => column.run(row.item) } }) : h("span");
      const cell = h(column.isHead ? "th" : "td", { class: place(column), scope: column.isHead ? "row" : false }, main);
      if (column.sub) cell.append(h("span", { class: "sub" }));
      row.append(cell);
    }
    return row;
  }

  fill(element, row) {
    element.item = row;
    this.columns.forEach((column, index) => {
      const cell = element.children[index];
      setText(cell.firstChild, column.text(row));
      if (column.tone) setAttribute(cell.firstChild, "data-tone", column.tone(row));
      if (column.title) setAttribute(cell, "title", column.title(row));
      if (column.sub) setText(cell.lastChild, column.sub(row));
    });
  }
}

function place(column) {
  return [column.isNumber ? "number" : "", column.rank ? `rank-${column.rank}` : "", column.class ?? ""].filter(Boolean).join(" ");
}

// A table with a search, a choice of order (for phones, where columns are left out), and pages. `load(query)` asks the
// relay; `rows(list)` gives the rows of what it has answered.
export class Listing {
  constructor({ name, table, limit = 50, searchLabel, sorts, load, rows }) {
    Object.assign(this, { name, limit, load: null, ask: load, rows });
    this.offset = 0;
    this.matching = 0;
    this.table = new Table({ ...table, onSort: () => this.again() });
    this.searchInput = h("input", { type: "search", placeholder: searchLabel, "aria-label": searchLabel, autocomplete: "off", spellcheck: "false", maxlength: 100 });
    this.searchInput.addEventListener("input", () => this.again());
    this.orderSelect = h("select", { "aria-label": t("list.sort") }, ...sorts.map(([by, label]) => h("option", { value: by, text: label })));
    this.orderSelect.addEventListener("change", () => {
      this.table.sort = { by: this.orderSelect.value, order: this.orderSelect.value === "name" ? "asc" : "desc" };
      this.again();
    });
    this.counted = h("p", { class: "counted", "aria-live": "polite" });
    this.before = h("button", { type: "button", text: t("list.before"), on: { click: () => this.turn(-1) } });
    this.after = h("button", { type: "button", text: t("list.after"), on: { click: () => this.turn(1) } });
    this.element = h(
      "div",
      { class: "listing" },
      h("div", { class: "tools" }, h("label", { class: "search" }, icon("search"), this.searchInput), h("label", { class: "order" }, h("span", { class: "unseen", text: t("list.sort") }), this.orderSelect), this.counted),
      this.table.element,
      h("div", { class: "turn" }, this.before, this.after),
    );
  }

  // What is asked for.
  query() {
    const { by, order } = this.table.sort;
    return { sort: by, order, search: this.searchInput.value.trim(), offset: this.offset, limit: this.limit };
  }

  again() {
    this.offset = 0;
    this.ask();
  }

  turn(pages) {
    this.offset = Math.max(0, this.offset + pages * this.limit);
    this.ask();
  }

  update(list) {
    const rows = list ? this.rows(list) : [];
    this.matching = list?.matching ?? 0;
    if (rows.length === 0 && this.offset > 0 && list) this.offset = Math.max(0, Math.floor((this.matching - 1) / this.limit) * this.limit);
    this.orderSelect.value = this.table.sort.by;
    this.table.update(rows);
    const last = this.offset + rows.length;
    const isSearched = this.matching !== list?.total;
    if (list) setText(this.counted, rows.length ? t(isSearched ? "list.counted_of" : "list.counted", { first: count(this.offset + 1), last: count(last), matching: count(this.matching), total: count(list.total), n: list.total }) : "");
    this.before.disabled = this.offset === 0;
    this.after.disabled = last >= this.matching;
    this.before.parentElement.hidden = this.offset === 0 && last >= this.matching;
  }
}
