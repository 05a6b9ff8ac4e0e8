// The results browser: DataTables draws a page of rows at a time; which rows, and in what order, is found here, in columns
// of numbers and codes. `window.igsedResults` holds facets, numbers, names, columns and titles.

document.addEventListener("DOMContentLoaded", async () => {
  const { facets, numbers, names, columns, titles } = window.igsedResults;
  const DataTable = (await window.igsedTables).default;
  const fields = [...document.querySelectorAll("select[data-facet]")];
  const headings = [...facets, ...numbers, "of"];
  const size = columns.value.length;
  const coded = fields.map((field) => columns[field.dataset.facet]);
  const at = (column, i) => (column in names ? names[column][columns[column][i]] : columns[column][i]);
  const rounded = (x) => (Number.isInteger(x) ? String(x) : x.toPrecision(3)).replace("-", "\u2212");
  let shown = Array.from({ length: size }, (_, i) => i);

  // Rows that pass all fields but one (-1: all), and whose words hold all that was typed.
  const chosen = () => fields.map((field) => (field.value === "" ? -1 : Number(field.value)));
  const passes = (i, wanted, but) => wanted.every((code, f) => f === but || code < 0 || coded[f][i] === code);
  function holding(typed) {
    const parts = typed.toLowerCase().split(/\s+/).filter(Boolean);
    // Whether each name of a column holds each part: asked once per name, not once per row.
    const holds = Object.entries(names).map(([column, all]) => [
      columns[column],
      all.map((name) => parts.map((part) => name.toLowerCase().includes(part))),
    ]);
    return (i) => parts.every((_, p) => holds.some(([codes, found]) => found[codes[i]][p]));
  }
  function compare(column) {
    if (!(column in names)) return (a, b) => (columns[column][a] ?? -Infinity) - (columns[column][b] ?? -Infinity);
    const order = [...names[column].keys()].sort((a, b) => (names[column][a] < names[column][b] ? -1 : 1));
    const rank = Object.fromEntries(order.map((code, place) => [code, place]));
    return (a, b) => rank[columns[column][a]] - rank[columns[column][b]];
  }
  function find(request, answer) {
    const wanted = chosen();
    const holds = holding(request.search.value);
    shown = [];
    for (let i = 0; i < size; i++) if (passes(i, wanted, -1) && holds(i)) shown.push(i);
    for (const { column, dir } of [...request.order].reverse()) {
      const upwards = compare(headings[column]);
      shown.sort((a, b) => (dir === "desc" ? upwards(b, a) : upwards(a, b)));
    }
    const page = shown.slice(request.start, request.start + request.length);
    const data = page.map((i) => headings.map((column) => at(column, i)));
    answer({ draw: request.draw, recordsTotal: size, recordsFiltered: shown.length, data });
  }

  // All rows that pass, numbers whole.
  function text(separator) {
    const cell = (x) => (/[",\n\t]/.test(String(x)) ? `"${String(x).replaceAll('"', '""')}"` : String(x ?? ""));
    return [headings, ...shown.map((i) => headings.map((column) => at(column, i) ?? ""))]
      .map((row) => row.map(cell).join(separator))
      .join("\n");
  }
  function copy() {
    // The older way works in a page that was opened as a file, too.
    const area = document.createElement("textarea");
    area.value = text("\t");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    document.getElementById("igsed-results-said").textContent = done ? `${shown.length} rows copied` : "not copied";
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${text(",")}\n`], { type: "text/csv" }));
    link.download = "igsed_results.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const escaped = DataTable.render.text().display;
  const number = (x, type) => (x === null ? "" : type === "display" ? rounded(x) : x);
  const table = new DataTable("#igsed-results", {
    serverSide: true,
    ajax: find,
    columns: headings.map((title) =>
      numbers.includes(title) ? { title, render: number, className: "igsed-number" } : { title, render: escaped },
    ),
    order: [],
    pageLength: 25,
    autoWidth: false,
    language: { search: "Search:" },
    layout: { topStart: null, topEnd: "search", bottomStart: "info", bottomEnd: "paging" },
  });

  // A field offers only what the other fields leave, with the number of rows.
  function offer() {
    const wanted = chosen();
    fields.forEach((field, f) => {
      const { facet } = field.dataset;
      const counts = new Map();
      for (let i = 0; i < size; i++) if (passes(i, wanted, f)) counts.set(coded[f][i], (counts.get(coded[f][i]) ?? 0) + 1);
      const now = field.value;
      field.replaceChildren(new Option("all", ""));
      for (const [code, count] of counts) {
        const name = names[facet][code];
        const title = facet === "method" && titles[name] && titles[name] !== name ? `${name} (${titles[name]})` : name;
        if (name) field.add(new Option(`${title}: ${count}`, code));
      }
      field.value = now;
    });
  }
  function filter() {
    table.draw();
    offer();
  }
  for (const field of fields) field.addEventListener("change", filter);
  document.getElementById("igsed-results-clear").addEventListener("click", () => {
    for (const field of fields) field.value = "";
    filter();
  });
  document.getElementById("igsed-results-copy").addEventListener("click", copy);
  document.getElementById("igsed-results-csv").addEventListener("click", save);
  offer();
});
