"use strict";
// What the reader chose outlives the renewal of a live page: hidden variants, zoom, the order of tables,
// the filter.
const chosen = { hidden: new Set(), orders: new Map(), filter: "", zoom: new Map(), smooth: false, log: false, unit: "epoch" };

function start() {
  chosen.unit = address.get("curves") ?? "epoch";
  document.documentElement.classList.add("js");
  document.querySelectorAll("table.sorted").forEach(makeSortable);
  document.querySelectorAll("table.sorted").forEach(makeChooser);
  document.querySelectorAll(".contents a").forEach(makeJump);
  document.querySelectorAll(".legend").forEach(makeToggles);
  document.querySelectorAll(".panel").forEach(makeControls);
  showHidden();
  for (const chart of document.querySelectorAll(".chart")) if (!views.has(chart)) near.observe(chart);
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

// Choices that make sense in a link to the page stand in its address, after the #.
const address = {
  all: () => new URLSearchParams(location.hash.slice(1)),
  get: (key) => address.all().get(key),
  set(entries) {
    const all = address.all();
    for (const [key, value] of Object.entries(entries)) value === null ? all.delete(key) : all.set(key, value);
    history.replaceState(null, "", `#${all}`);
  },
};

// A jump leaves the address to the choices.
function makeJump(link) {
  link.onclick = (event) => {
    event.preventDefault();
    document.getElementById(link.hash.slice(1)).scrollIntoView();
  };
}

// Columns that are not for everyone are shown on request; `columns.TABLE` in the address has the titles that are shown.
function makeChooser(table) {
  const heads = [...table.tHead.rows[0].cells];
  if (!heads.some((head) => "extra" in head.dataset)) return;
  const box = table.parentElement, key = `columns.${box.getAttribute("aria-label")}`;
  const titles = heads.map((head) => head.textContent);
  const chosenTitles = address.get(key)?.split("|");
  const shown = heads.map((head, index) => index === 0 || (chosenTitles ? chosenTitles.includes(titles[index]) : !("extra" in head.dataset)));
  const byDefault = heads.map((head) => !("extra" in head.dataset)).join();
  const style = document.createElement("style");
  const scope = `table[data-columns="${[...document.querySelectorAll("table.sorted")].indexOf(table)}"]`;
  table.dataset.columns = scope.match(/\d+/)[0];
  const apply = () => {
    const hidden = shown.flatMap((is, index) => (is ? [] : [`${scope} tr > :nth-child(${index + 1})`]));
    style.textContent = hidden.length ? `@media screen { ${hidden.join()} { display: none; } }` : "";
    summary.textContent = `Columns: ${shown.filter(Boolean).length} of ${shown.length}`;
  };
  const details = Object.assign(document.createElement("details"), { className: "columns" });
  const summary = details.appendChild(document.createElement("summary"));
  titles.forEach((title, index) => {
    if (index === 0) return;
    const label = details.appendChild(document.createElement("label"));
    const input = Object.assign(document.createElement("input"), { type: "checkbox", checked: shown[index] });
    input.onchange = () => {
      shown[index] = input.checked;
      address.set({ [key]: shown.join() === byDefault ? null : titles.filter((_, place) => shown[place] && place).join("|") });
      apply();
    };
    label.append(input, ` ${title}`);
  });
  apply();
  box.before(details);
  box.append(style);
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

// One legend for all charts: a click hides or shows a variant in each of them; a double click, or Shift, shows it alone.
function makeToggles(legend) {
  const all = [...document.querySelectorAll(".legend button")];
  for (const button of legend.querySelectorAll("button")) {
    const name = button.dataset.name;
    button.title = "Click: hide or show. Double click, or Shift with a click: show it alone, or all again.";
    button.onclick = (event) => {
      const others = all.map((one) => one.dataset.name).filter((other) => other !== name);
      if (event.shiftKey || event.detail === 2) {
        const alone = others.every((other) => chosen.hidden.has(other));
        chosen.hidden = new Set(alone ? [] : others);
      } else if (!chosen.hidden.delete(name)) chosen.hidden.add(name);
      showHidden();
    };
  }
}

function showHidden() {
  for (const button of document.querySelectorAll(".legend button"))
    button.setAttribute("aria-pressed", !chosen.hidden.has(button.dataset.name));
  for (const view of views.values()) view.signal("hidden", [...chosen.hidden]).runAsync();
}

// What has no pointer chooses the epochs by numbers.
function makeControls(panel) {
  if (!panel.querySelector(".chart")) return;
  const line = Object.assign(document.createElement("div"), { className: "controls" });
  const add = (text, properties, change) => {
    const label = line.appendChild(document.createElement("label"));
    const input = Object.assign(document.createElement("input"), properties);
    label.append(...(input.type === "checkbox" ? [input, ` ${text}`] : [`${text} `, input]));
    input.onchange = () => change(input);
  };
  if (panel.querySelector('[data-x-axis="epoch"]')) {
    makeUnits(panel, line);
    const ends = chosen.zoom.get("epoch")?.x ?? ["", ""];
    for (const [place, text] of ["epochs from", "to"].entries())
      add(text, { type: "number", min: 1, value: ends[place], className: "epoch-end" }, () => {
        const [from, to] = [...line.querySelectorAll(".epoch-end")].map((input) => input.value);
        zoom("epoch", from || to ? { x: [Number(from || 1), Number(to || 1e9)] } : {});
      });
    for (const [key, text] of [["smooth", "smooth curves"], ["log", "logarithmic loss"]])
      add(text, { type: "checkbox", checked: chosen[key] }, (input) => {
        chosen[key] = input.checked;
        drawCurves();
      });
  }
  const reset = Object.assign(document.createElement("button"), { type: "button", textContent: "Reset zoom" });
  reset.onclick = () => [...chosen.zoom.keys()].forEach((key) => zoom(key, {}));
  line.append(reset, "Drag across a chart to zoom, double-click it to zoom out.");
  panel.querySelector(".figures").before(line);
}

// Learning curves against epochs or what an epoch is worth.
function makeUnits(panel, line) {
  const units = [...panel.querySelectorAll("[data-units]")].flatMap((chart) => Object.keys(unitsOf(chart)));
  if (!units.length) return;
  const label = line.appendChild(Object.assign(document.createElement("label"), { textContent: "curves against " }));
  const select = label.appendChild(Object.assign(document.createElement("select"), { className: "unit" }));
  select.append(new Option("epochs", "epoch"), ...[...new Set(units)].map((unit) => new Option(unit, unit)));
  select.value = [...select.options].some((option) => option.value === chosen.unit) ? chosen.unit : "epoch";
  select.onchange = () => {
    chosen.unit = select.value;
    address.set({ curves: chosen.unit === "epoch" ? null : chosen.unit });
    for (const other of document.querySelectorAll("select.unit")) other.value = chosen.unit;
    drawCurves();
  };
}

function drawCurves() {
  document.querySelectorAll('.chart.drawn[data-x-axis="epoch"]').forEach(draw);
}

const unitsOf = (chart) => JSON.parse(chart.dataset.units ?? "{}");
const unitOf = (chart) => (Object.hasOwn(unitsOf(chart), chosen.unit) ? chosen.unit : chart.dataset.xAxis);

// The epochs that are chosen by numbers hold in every unit.
function inUnit(spec, chart) {
  const unit = unitOf(chart), worth = unitsOf(chart)[unit], [first, last] = chosen.zoom.get("epoch")?.x ?? [0, Infinity];
  const title = chart.closest("figure").querySelector("figcaption");
  title.textContent = chart.getAttribute("aria-label").replace("by epoch", worth ? `against ${unit}` : "by epoch");
  if (!worth) return;
  for (const [name, rows] of Object.entries(spec.datasets))
    spec.datasets[name] = rows
      .filter((row) => row.x >= first && row.x <= last)
      .map((row) => ({ ...row, x: Number((row.x * worth[row.variant]).toPrecision(6)) }));
  for (const { encoding } of spec.layer) {
    if (encoding.x.title) Object.assign(encoding.x, { title: unit, axis: { ...encoding.x.axis, format: "~s" } });
    for (const tip of [encoding.tooltip ?? []].flat()) if (tip.field === "x") tip.title = unit;
  }
}

// The drawing that stands on the page is replaced by one that answers the pointer, when it comes near the screen.
const views = new Map();
const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => (near.unobserve(entry.target), draw(entry.target))),
  { rootMargin: "400px" },
);
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const [width, height] = sizeOf(target);
  if (width) views.get(target)?.width(width).height(height).runAsync();
}));
const keyOf = (chart) => (chart.dataset.xAxis ? unitOf(chart) : chart.dataset.key);

function sizeOf(chart) {
  const { width, height } = chart.querySelector(".still svg").viewBox.baseVal;
  return [chart.clientWidth, Math.round((chart.clientWidth * height) / width)];
}

async function draw(chart) {
  const spec = altered(JSON.parse(chart.querySelector("script").textContent), chart);
  const [width, height] = sizeOf(chart);
  const { x = null, y = null } = chosen.zoom.get(keyOf(chart)) ?? {};
  const start = { hidden: [...chosen.hidden], x_zoom: x, y_zoom: y };
  for (const param of spec.params) if (param.name in start) param.value = start[param.name];
  const live = Object.assign(document.createElement("div"), { className: "live" });
  // Without `ast` Vega would make code from strings, and on another level say that an axis without rows is empty.
  const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1, tooltip: { disableDefaultStyle: true, formatTooltip } };
  const { view } = await vegaEmbed(live, { ...spec, width, height }, options);
  views.get(chart)?.finalize();
  views.set(chart, view);
  chart.querySelector(".live")?.remove();
  chart.append(live);
  chart.classList.add("drawn");
  resized.observe(chart);
  live.ondblclick = () => zoom(keyOf(chart), {});
}

function altered(spec, chart) {
  if (chart.dataset.xAxis !== "epoch") return spec;
  inUnit(spec, chart);
  for (const layer of spec.layer) {
    const window = ["mean", "low", "high"].map((field) => ({ op: "mean", field, as: field }));
    if (chosen.smooth)
      layer.transform.unshift({ window, frame: [-2, 2], groupby: ["variant", "run"], sort: [{ field: "x" }] });
    if (chosen.log && chart.dataset.key.endsWith("loss") && layer.encoding.y)
      Object.assign(layer.encoding.y.scale, { type: "log", zero: undefined });
  }
  return spec;
}

function formatTooltip(value, sanitize) {
  const lines = Object.entries(value).filter(([, text]) => text !== "NaN" && text !== "");
  return lines.map(([name, text]) => `<div>${sanitize(name === "text" ? "" : `${name}: `)}${sanitize(text)}</div>`).join("");
}

function zoom(key, ends) {
  chosen.zoom.set(key, ends);
  for (const [chart, view] of views)
    if (keyOf(chart) === key) view.signal("x_zoom", ends.x ?? null).signal("y_zoom", ends.y ?? null).runAsync();
  if (key === "epoch" && chosen.unit !== "epoch") drawCurves();
  if (key === "epoch")
    for (const line of document.querySelectorAll(".controls"))
      [...line.querySelectorAll(".epoch-end")].forEach((input, place) => (input.value = ends.x ? Math.round(ends.x[place]) : ""));
}

// A rectangle that was drawn by dragging becomes what is shown.
addEventListener("pointerup", () => setTimeout(() => {
  for (const [chart, view] of views) {
    const brush = chart.dataset.zoom && view.data("brush_store")[0];
    if (!brush) continue;
    const ends = Object.fromEntries(brush.fields.map(({ channel }, place) => [channel, brush.values[place]]));
    for (const channel of Object.keys(ends)) view.signal(`brush_${channel}`, [0, 0]);
    view.runAsync();
    zoom(keyOf(chart), ends);
  }
}));

start();
