// The results browser: one DataTable over the rows of all tidy tables, and a field per facet that filters it.

document.addEventListener("DOMContentLoaded", async () => {
  const { facets, numbers, names, columns, titles } = window.igsedResults;
  const DataTable = (await window.igsedTables).default;
  const fields = [...document.querySelectorAll("select[data-facet]")];
  const size = columns.value.length;
  const titleOf = { method: (name) => (titles[name] && titles[name] !== name ? `${name} (${titles[name]})` : name) };
  const rounded = (x) => (Number.isInteger(x) ? String(x) : x.toPrecision(3).replace("-", "\u2212"));
  const words = [...facets, "of"];

  const shown = [...words, ...numbers];
  const rows = Array.from({ length: size }, (_, i) =>
    shown.map((column) => (column in names ? names[column][columns[column][i]] : columns[column][i])),
  );
  // A number is rounded for the eye; sorting, copy and CSV have it whole.
  const number = (value, type) => (value === null ? "" : type === "display" ? rounded(value) : value);
  const table = new DataTable("#igsed-results", {
    data: rows,
    columns: shown.map((title) => (numbers.includes(title) ? { title, render: number, className: "igsed-number" } : { title })),
    deferRender: true,
    order: [],
    pageLength: 25,
    autoWidth: false,
    language: { search: "Search:" },
    layout: {
      topStart: {
        buttons: [
          { extend: "copyHtml5", text: "Copy", title: null, exportOptions: { orthogonal: "export" } },
          { extend: "csvHtml5", text: "CSV", filename: "igsed_results", exportOptions: { orthogonal: "export" } },
        ],
      },
      topEnd: "search",
      bottomStart: "info",
      bottomEnd: "paging",
    },
  });

  const chosen = () => fields.map((field) => (field.value === "" ? -1 : Number(field.value)));
  const coded = fields.map((field) => columns[field.dataset.facet]);
  const passes = (i, wanted, but) => wanted.every((value, f) => f === but || value < 0 || coded[f][i] === value);

  // A field offers only what the other fields leave.
  function offer() {
    const wanted = chosen();
    fields.forEach((field, f) => {
      const left = new Map();
      for (let i = 0; i < size; i++) if (passes(i, wanted, f)) left.set(coded[f][i], (left.get(coded[f][i]) ?? 0) + 1);
      const facet = field.dataset.facet;
      const title = titleOf[facet] ?? ((name) => name);
      const options = [...left].filter(([code]) => names[facet][code] !== "");
      const now = field.value;
      field.replaceChildren(new Option("all", ""));
      for (const [code, count] of options) field.add(new Option(`${title(names[facet][code])}: ${count}`, code));
      field.value = now;
    });
  }
  function filter() {
    const wanted = chosen();
    table.search.fixed("facets", (_, __, i) => passes(i, wanted, -1)).draw();
    offer();
  }
  for (const field of fields) field.addEventListener("change", filter);
  document.getElementById("igsed-filters-clear").addEventListener("click", () => {
    for (const field of fields) field.value = "";
    filter();
  });
  offer();
});
