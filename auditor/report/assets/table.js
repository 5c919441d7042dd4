"use strict";
// Which findings to show, and in what order. Knows nothing of the page, so that it can be tested without one.
globalThis.FindingTable = class FindingTable {
  constructor(data) {
    this.data = data;
    this.size = data.ids.length;
    this.columns = new Map(data.columns.map((column) => [column.key, column]));
    this.facets = new Map(data.facets.map((facet) => [facet.key, facet]));
    this.chosen = new Map(); // facet key -> index of a value
    this.words = [];
    this.sorting = null; // {key, down}
    this.texts = null;
    this.rows = this.compute();
  }

  choose(key, value) {
    if (value === null) this.chosen.delete(key);
    else this.chosen.set(key, value);
    this.rows = this.compute();
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.rows = this.compute();
  }

  clear() {
    this.chosen.clear();
    this.words = [];
    this.rows = this.compute();
  }

  // the first click sorts up for texts and down for numbers, the second the other way, the third goes back
  sort(key) {
    const down = this.columns.get(key).values === undefined;
    if (this.sorting?.key !== key) this.sorting = { key, down };
    else if (this.sorting.down === down) this.sorting = { key, down: !down };
    else this.sorting = null;
    this.rows = this.compute();
  }

  compute() {
    let rows = Array.from({ length: this.size }, (_, row) => row);
    for (const [key, value] of this.chosen) {
      const cells = this.facets.get(key).cells;
      rows = rows.filter((row) => cells[row].includes(value));
    }
    if (this.words.length) {
      this.texts ??= Array.from({ length: this.size }, (_, row) => this.textOf(row));
      rows = rows.filter((row) => this.words.every((word) => this.texts[row].includes(word)));
    }
    return this.sorting ? this.ordered(rows) : rows;
  }

  ordered(rows) {
    const column = this.columns.get(this.sorting.key);
    const sign = this.sorting.down ? -1 : 1;
    let keys = column.cells;
    if (column.values !== undefined) {
      // each distinct text is compared once, and rows by the rank of theirs
      const collator = new Intl.Collator("en", { numeric: true });
      const order = column.values.map((_, code) => code);
      order.sort((a, b) => collator.compare(column.values[a], column.values[b]) || a - b);
      const rank = new Array(order.length);
      order.forEach((code, place) => (rank[code] = place));
      keys = column.cells.map((code) => rank[code]);
      if (this.sorting.key === "verdict") keys = column.cells.map((code, row) => this.data.severities[row] * 1e6 + rank[code]);
    }
    return [...rows].sort((a, b) => {
      if (keys[a] === null || keys[b] === null) return (keys[a] === null) - (keys[b] === null) || a - b;
      return sign * (keys[a] - keys[b]) || a - b;
    });
  }

  cell(column, row) {
    const cell = column.cells[row];
    if (column.values !== undefined) return column.values[cell];
    if (cell === null) return "–";
    if (column.digits < 0) {
      const digits = -column.digits;
      return cell > 0 && cell < 1e-4 ? cell.toExponential(digits - 1) : String(Number(cell.toPrecision(digits)));
    }
    column.format ??= new Intl.NumberFormat("en", {
      minimumFractionDigits: column.digits,
      maximumFractionDigits: column.digits,
    });
    return column.format.format(cell);
  }

  // everything of a finding that a reader may search for, in lower case
  textOf(row) {
    const detail = this.data.details[row];
    const parts = this.data.columns.map((column) => this.cell(column, row));
    parts.push(detail.title, detail.message ?? "", ...detail.facts.map((fact) => fact[1]));
    for (const side of [detail.train, detail.item]) if (side) parts.push(side.map((piece) => piece[1]).join(""));
    return parts.join(" ").toLowerCase().replace(/\s+/g, " ");
  }
};
