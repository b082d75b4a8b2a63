"use strict";
// What the reader chose outlives the renewal of a live page: hidden variants, the order of tables, the filter.
const chosen = { hidden: new Set(), orders: new Map(), filter: "" };

function start() {
  document.documentElement.classList.add("js");
  document.querySelectorAll("table.sorted").forEach(makeSortable);
  document.querySelectorAll(".legend").forEach(makeToggles);
  document.querySelectorAll("svg.plot").forEach(makeReadable);
  makeFilter(document.querySelector(".filter"), document.querySelector("table.runs"));
}

function makeSortable(table) {
  const name = table.parentElement.getAttribute("aria-label");
  const heads = [...table.tHead.rows[0].cells];
  const sort = (index, descending) => {
    const valued = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[index]), row]);
    const sign = descending ? -1 : 1;
    valued.sort(([a], [b]) => (a === "" || b === "" ? (a === "") - (b === "") : sign * compare(a, b)));
    table.tBodies[0].append(...valued.map(([, row]) => row));
    heads.forEach((head, place) => head.setAttribute("aria-sort", place !== index ? "none" : descending ? "descending" : "ascending"));
    chosen.orders.set(name, [index, descending]);
  };
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    // The first click on numbers puts the largest on top, the first on words the first of the alphabet.
    const first = head.classList.contains("num");
    button.onclick = () => {
      const order = head.getAttribute("aria-sort");
      sort(index, order === "ascending" || (order !== "descending" && first));
    };
  });
  if (chosen.orders.has(name)) sort(...chosen.orders.get(name));
}

function valueOf(cell) {
  if (!cell.classList.contains("num")) return cell.textContent.trim();
  return cell.dataset.value === undefined ? "" : Number(cell.dataset.value);
}

function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function makeFilter(line, table) {
  if (!line) return;
  const input = line.querySelector("input");
  const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
  const apply = () => {
    chosen.filter = input.value;
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [row, text] of rows) row.hidden = !words.every((word) => text.includes(word));
    line.querySelector("[role=status]").textContent = `${rows.filter(([row]) => !row.hidden).length} of ${rows.length}`;
  };
  line.hidden = false;
  input.value = chosen.filter;
  input.oninput = apply;
  apply();
}

// One legend for all figures of a setting: a button shows or hides its variant in each of them.
function makeToggles(legend) {
  for (const button of legend.querySelectorAll("button")) {
    const name = button.dataset.name;
    const show = () => {
      button.setAttribute("aria-pressed", !chosen.hidden.has(name));
      for (const series of legend.parentElement.querySelectorAll("svg .series"))
        if (series.dataset.name === name) series.classList.toggle("off", chosen.hidden.has(name));
    };
    button.onclick = () => {
      if (!chosen.hidden.delete(name)) chosen.hidden.add(name);
      document.querySelectorAll(".legend").forEach((one) => one.dispatchEvent(new Event("chosen")));
    };
    legend.addEventListener("chosen", show);
    show();
  }
}

// The numbers of all lines at the place under the pointer.
function makeReadable(svg) {
  const frame = svg.querySelector("[data-left]");
  const lines = [...svg.querySelectorAll(".series[data-x]")].map((series) => ({
    series,
    x: series.dataset.x.split(" ").map(Number),
    y: series.dataset.y.split(" "),
  }));
  if (!lines.length) return;
  const { left, right, low, high, log, xTitle, unit } = frame.dataset;
  const figure = svg.closest("figure");
  svg.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const along = Number(low) + ((place - left) / (right - left)) * (high - low);
    const wanted = log ? 10 ** along : along;
    const shown = lines.filter(({ series }) => !series.classList.contains("off"));
    const all = shown.flatMap(({ x }) => x);
    if (!all.length) return;
    const x = all.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best));
    const atX = shown.filter((line) => line.x.includes(x));
    const tip = figure.querySelector(".tip") ?? figure.appendChild(Object.assign(document.createElement("div"), { className: "tip" }));
    tip.replaceChildren(`${xTitle} ${x}`, ...atX.map((line) => tipLine(line, line.y[line.x.indexOf(x)] + unit)));
    const room = figure.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(event.clientX - figure.getBoundingClientRect().left + 14, room))}px`;
    tip.style.top = "1.6rem";
  };
  svg.onpointerleave = () => figure.querySelector(".tip")?.remove();
}

function tipLine({ series }, text) {
  const line = document.createElement("div");
  const dot = Object.assign(document.createElement("i"), { className: "dot" });
  dot.style.background = series.dataset.colour;
  line.append(dot, `${text}  ${series.dataset.name}`);
  return line;
}

start();
