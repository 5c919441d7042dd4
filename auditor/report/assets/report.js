"use strict";
// The list of findings: a page of rows at a time; every text is set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  globalThis.startFigures(data.figures);
  if (!data.ids.length) return;
  const table = new globalThis.FindingTable(data);
  const open = new Set();
  const shape = { error: "▲", warning: "◆", note: "●" };
  const severities = ["error", "warning", "note"];
  let page = 0;
  let pageSize = 50;

  function make(name, properties = {}, ...children) {
    const { dataset, attributes, ...rest } = properties;
    const element = Object.assign(document.createElement(name), rest);
    Object.entries(dataset ?? {}).forEach(([key, value]) => (element.dataset[key] = value));
    Object.entries(attributes ?? {}).forEach(([key, value]) => element.setAttribute(key, value));
    element.append(...children);
    return element;
  }

  // the row of filters
  const tools = document.getElementById("tools");
  const search = make("input", { type: "search", id: "search", autocomplete: "off", spellcheck: false });
  search.placeholder = "Search all text";
  tools.append(make("label", { className: "wide" }, "Search", search));
  const selects = new Map();
  for (const facet of data.facets) {
    const counts = new Array(facet.values.length).fill(0);
    for (const cells of facet.cells) for (const code of cells) counts[code] += 1;
    const select = make("select", { id: `filter-${facet.key}` }, make("option", { value: "" }, "all"));
    const order = facet.values.map((_, code) => code);
    const collator = new Intl.Collator("en", { numeric: true });
    if (!["verdict", "state"].includes(facet.key)) order.sort((a, b) => collator.compare(facet.values[a], facet.values[b]));
    for (const code of order) {
      select.append(make("option", { value: String(code) }, `${facet.values[code]} (${counts[code].toLocaleString("en")})`));
    }
    select.addEventListener("change", () => {
      table.choose(facet.key, select.value === "" ? null : Number(select.value));
      page = 0;
      render();
    });
    selects.set(facet.key, select);
    tools.append(make("label", {}, facet.label, select));
  }
  const clear = make("button", { type: "button", id: "clear" }, "Clear");
  tools.append(clear);
  clear.addEventListener("click", () => {
    clearFilters();
    render();
    search.focus();
  });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      table.search(search.value);
      page = 0;
      render();
    }, 120);
  });
  tools.hidden = false;

  function clearFilters() {
    search.value = "";
    for (const select of selects.values()) select.value = "";
    table.clear();
    page = 0;
  }

  // what a baseline accepts is hidden until it is asked for
  const state = table.facets.get("state");
  const openState = state ? state.values.indexOf("open") : -1;
  if (openState >= 0) {
    selects.get("state").value = String(openState);
    table.choose("state", openState);
  }

  // the head of the table: a button in each cell sorts by it
  const head = make("tr");
  for (const column of data.columns) {
    const button = make("button", { type: "button" }, column.label, make("span", { className: "arrow", ariaHidden: "true" }));
    button.addEventListener("click", () => {
      table.sort(column.key);
      page = 0;
      render();
    });
    const cell = make("th", { scope: "col", className: classOf(column), dataset: { key: column.key } }, button);
    head.append(cell);
  }
  const body = make("tbody");
  const element = document.getElementById("table");
  element.append(make("caption", { className: "unseen" }, "Findings; the button of a row shows its details"), make("thead", {}, head), body);
  const key = document.getElementById("key");
  key.hidden = !data.details.some((detail) => detail.train);

  function classOf(column) {
    return [column.values === undefined ? "number" : "", column.minor ? "minor" : "", `c-${column.key}`].join(" ").trim();
  }

  function rowOf(row) {
    const severity = severities[data.severities[row]];
    const cells = data.columns.map((column) => {
      const text = table.cell(column, row);
      const cell = make("td", { className: classOf(column) });
      if (column.key === "verdict") {
        cell.append(make("span", { className: `verdict ${severity}` }, make("span", { ariaHidden: "true" }, shape[severity]), ` ${text}`));
      } else if (column.opens) {
        const button = make("button", { type: "button", className: "open" }, make("span", { dir: "auto" }, text || "(none)"));
        button.setAttribute("aria-expanded", String(open.has(row)));
        button.setAttribute("aria-controls", `finding-${data.ids[row]}`);
        button.setAttribute("aria-label", `${text}: ${data.details[row].title}`);
        cell.append(button);
      } else {
        cell.dir = column.values === undefined ? "" : "auto";
        cell.textContent = text;
        if (column.values !== undefined && text.length > 24) cell.title = text;
      }
      return cell;
    });
    return make("tr", { className: `row ${severity}${open.has(row) ? " opened" : ""}`, dataset: { row: String(row) } }, ...cells);
  }

  function side(title, pieces) {
    const text = make("div", { className: "text", dir: "auto" });
    for (const [part, words] of pieces) {
      text.append(part === 0 ? words : make(part === 1 ? "mark" : "ins", {}, words));
    }
    return make("div", { className: "side" }, make("h4", {}, title), text);
  }

  function detailOf(row) {
    const detail = data.details[row];
    const id = data.ids[row];
    const inside = make("div", { className: "inside" });
    inside.append(make("h3", { dir: "auto" }, detail.title));
    if (detail.message) inside.append(make("p", { dir: "auto" }, detail.message));
    if (detail.train) {
      const pair = make("div", { className: "pair" }, side("Training record", detail.train), side("Benchmark item", detail.item));
      inside.append(pair);
    }
    const facts = make("dl", { className: "facts" });
    for (const [name, value] of detail.facts) {
      facts.append(make("dt", {}, name), make("dd", { dir: "auto" }, value));
    }
    inside.append(facts);
    const note = data.notes[detail.note];
    for (const [title, lines] of [["Innocent explanations", note.innocent], ["What to do next", note.next]]) {
      if (lines.length) {
        const list = make("ul", {}, ...lines.map((line) => make("li", { dir: "auto" }, line)));
        inside.append(make("details", { className: "note" }, make("summary", {}, title), list));
      }
    }
    inside.append(make("p", { className: "quiet" }, make("a", { href: `#finding-${id}` }, "Link to this finding")));
    return make("tr", { className: "detail", id: `finding-${id}` }, make("td", { colSpan: data.columns.length }, inside));
  }

  function render() {
    const pages = Math.max(1, Math.ceil(table.rows.length / pageSize));
    page = Math.min(page, pages - 1);
    const first = page * pageSize;
    const rows = table.rows.slice(first, first + pageSize);
    const elements = [];
    for (const row of rows) {
      elements.push(rowOf(row));
      if (open.has(row)) elements.push(detailOf(row));
    }
    if (!rows.length) {
      const cell = make("td", { colSpan: data.columns.length, className: "empty" }, "No finding fits these filters.");
      elements.push(make("tr", {}, cell));
    }
    body.replaceChildren(...elements);
    for (const cell of head.children) {
      const sorted = table.sorting?.key === cell.dataset.key;
      if (sorted) cell.setAttribute("aria-sort", table.sorting.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector(".arrow").textContent = sorted ? (table.sorting.down ? "▼" : "▲") : "";
    }
    const number = (value) => value.toLocaleString("en");
    const all = table.rows.length === data.ids.length ? "" : ` (${number(data.ids.length)} in all)`;
    document.getElementById("count").textContent = rows.length
      ? `${number(first + 1)} to ${number(first + rows.length)} of ${number(table.rows.length)} findings${all}`
      : `0 findings${all}`;
    renderPager(pages);
  }

  function renderPager(pages) {
    const pager = document.getElementById("pager");
    const go = (title, target, enabled) => {
      const button = make("button", { type: "button", disabled: !enabled }, title);
      button.addEventListener("click", () => {
        page = target;
        render();
        document.getElementById("findings").scrollIntoView();
        pager.querySelector("button:enabled")?.focus({ preventScroll: true });
      });
      return button;
    };
    const size = make("select", {}, ...[25, 50, 100, 200].map((n) => make("option", { value: String(n), selected: n === pageSize }, String(n))));
    size.addEventListener("change", () => {
      page = Math.floor((page * pageSize) / Number(size.value));
      pageSize = Number(size.value);
      render();
    });
    pager.replaceChildren(
      go("First", 0, page > 0),
      go("Previous", page - 1, page > 0),
      make("span", {}, `Page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`),
      go("Next", page + 1, page + 1 < pages),
      go("Last", pages - 1, page + 1 < pages),
      make("label", {}, "Rows ", size),
    );
    pager.hidden = data.ids.length <= 25;
  }

  function toggle(row, wanted = !open.has(row)) {
    const line = body.querySelector(`[data-row="${row}"]`);
    if (!line || wanted === open.has(row)) return;
    if (wanted) {
      open.add(row);
      line.after(detailOf(row));
      history.replaceState(null, "", `#finding-${data.ids[row]}`);
    } else {
      open.delete(row);
      line.nextElementSibling.remove();
    }
    line.classList.toggle("opened", wanted);
    line.querySelector("button.open").setAttribute("aria-expanded", String(wanted));
  }

  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr.row");
    if (line && !getSelection().toString()) toggle(Number(line.dataset.row));
  });
  body.addEventListener("keydown", (event) => {
    const line = event.target.closest("tr");
    if (event.key === "Escape" && line?.previousElementSibling && line.classList.contains("detail")) {
      const button = line.previousElementSibling.querySelector("button.open");
      toggle(Number(line.previousElementSibling.dataset.row), false);
      button.focus();
    }
    if (!event.target.matches("button.open") || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    const buttons = [...body.querySelectorAll("button.open")];
    const here = buttons.indexOf(event.target);
    const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
    buttons[next]?.focus();
    event.preventDefault();
  });

  // a link to a finding opens it, whatever page it is on and whatever the filters hide
  function follow() {
    if (!location.hash.startsWith("#finding-")) return;
    const row = data.ids.indexOf(location.hash.slice("#finding-".length));
    if (row < 0) return;
    if (!table.rows.includes(row)) clearFilters();
    page = Math.floor(table.rows.indexOf(row) / pageSize);
    open.add(row);
    render();
    const line = body.querySelector(`[data-row="${row}"]`);
    line.scrollIntoView({ block: "start" });
    line.querySelector("button.open").focus({ preventScroll: true });
  }
  addEventListener("hashchange", follow);

  // paper has no pages to turn: print what the filters show, as far as that is bearable
  let screenSize = pageSize;
  addEventListener("beforeprint", () => {
    screenSize = pageSize;
    [pageSize, page] = [500, 0];
    render();
  });
  addEventListener("afterprint", () => {
    pageSize = screenSize;
    render();
  });

  render();
  follow();
})();
