// Sorting and filtering the alerts of this page. It reads what stands in the table and changes order
// and visibility, nothing else: no text becomes markup, nothing is asked of anybody.
"use strict";
(() => {
  const table = document.getElementById("alerts");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const controls = document.getElementById("controls");
  const told = document.getElementById("told");
  const fields = Array.from(controls.querySelectorAll("select, input"));
  const heads = Array.from(table.querySelectorAll("th[data-sort]"));
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  let sorted = { by: "rank", down: false };

  const keeps = (row, field) =>
    field.name === "text"
      ? field.value.toLowerCase().split(/\s+/).every((word) => texts.get(row).includes(word))
      : field.value === "" || row.dataset[field.name] === field.value;

  function filter() {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !fields.every((field) => keeps(row, field));
      shown += row.hidden ? 0 : 1;
    }
    const chosen = fields.filter((field) => field.value.trim() !== "");
    const named = chosen.map((field) =>
      field.labels[0].firstChild.textContent.trim() + " “" +
      (field.selectedOptions ? field.selectedOptions[0].textContent : field.value) + "”");
    told.textContent = shown.toLocaleString("en") + " of " + rows.length.toLocaleString("en") +
      " alerts shown" + (named.length ? ": " + named.join(", ") : "") + ".";
    document.getElementById("clear").disabled = chosen.length === 0;
  }

  function sort() {
    const sign = sorted.down ? -1 : 1;
    const number = (row) => Number(row.dataset[sorted.by]);
    const ordered = rows.slice().sort((a, b) =>
      sign * (number(a) - number(b)) || Number(a.dataset.rank) - Number(b.dataset.rank));
    body.append(...ordered);
    for (const head of heads) {
      const here = head.dataset.sort === sorted.by;
      head.setAttribute("aria-sort", here ? (sorted.down ? "descending" : "ascending") : "none");
    }
  }

  function remember() {
    const state = new URLSearchParams();
    for (const field of fields) if (field.value !== "") state.set(field.name, field.value);
    if (sorted.by !== "rank" || sorted.down) state.set("sort", (sorted.down ? "-" : "") + sorted.by);
    history.replaceState(null, "", state.toString() ? "#" + state : "#");
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const value = state.get(field.name) || "";
      field.value = value;
      if (field.value !== value) field.value = "";
    }
    const by = (state.get("sort") || "rank").replace(/^-/, "");
    if (heads.some((head) => head.dataset.sort === by)) {
      sorted = { by, down: (state.get("sort") || "").startsWith("-") };
    }
    sort();
    filter();
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.dataset.first === "down";
      sorted = { by: head.dataset.sort, down: sorted.by === head.dataset.sort ? !sorted.down : first };
      sort();
      remember();
    });
  }
  for (const field of fields) {
    field.addEventListener("input", () => { filter(); remember(); });
  }
  document.getElementById("clear").addEventListener("click", () => {
    for (const field of fields) field.value = "";
    filter();
    remember();
    document.getElementById("text").focus();
  });
  addEventListener("hashchange", recall);
  controls.hidden = false;
  recall();
})();
