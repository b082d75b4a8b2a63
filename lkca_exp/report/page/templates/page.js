"use strict";
// What the reader chose outlives the renewal of a live page: hidden variants, zoom, the order of tables,
// the filter.
const chosen = { hidden: new Set(), orders: new Map(), filter: "", zoom: new Map(), smooth: false, log: false, unit: "epoch" };

function start() {
  chosen.unit = address.get("curves") ?? "epoch";
  const epochs = address.get("epochs")?.split(" to ").map(Number) ?? [];
  if (epochs[0] < epochs[1]) chosen.zoom.set("epoch", { x: epochs });
  document.documentElement.classList.add("js");
  document.querySelectorAll("table.sorted").forEach(makeSortable);
  document.querySelectorAll("table.sorted").forEach(makeChooser);
  document.querySelectorAll(".contents a").forEach(makeJump);
  document.querySelectorAll(".legend").forEach(makeToggles);
  document.querySelectorAll(".panel").forEach(makeControls);
  showHidden();
  for (const chart of document.querySelectorAll(".chart")) if (!views.has(chart)) near.observe(chart);
  makeExplore(document.getElementById("explore"));
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
    for (const [place, text] of ["epochs from", "to"].entries())
      add(text, { type: "number", min: 1, value: epochEnd(place), className: "epoch-end" }, () => {
        const [from, to] = [...line.querySelectorAll(".epoch-end")].map((input) => input.value);
        zoom("epoch", from || to ? { x: [Number(from || 1), Number(to || lastEpoch())] } : {});
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

function epochEnd(place) {
  const ends = chosen.zoom.get("epoch")?.x;
  return ends ? Math.round(ends[place]) : "";
}

function lastEpoch() {
  const scripts = [...document.querySelectorAll('[data-x-axis="epoch"] script')];
  const rows = scripts.flatMap((script) => Object.values(JSON.parse(script.textContent).datasets)).flat();
  return rows.reduce((last, row) => Math.max(last, row.x), 1);
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
  if (key !== "epoch") return;
  if (chosen.unit !== "epoch") drawCurves();
  address.set({ epochs: ends.x ? ends.x.map((end) => Number(end.toPrecision(4))).join(" to ") : null });
  for (const line of document.querySelectorAll(".controls"))
    [...line.querySelectorAll(".epoch-end")].forEach((input, place) => (input.value = epochEnd(place)));
}

// Explore: the runs by any two columns of their table. Charts call columns f0, f1, ..., so that no name of a run's is
// ever part of an expression. What is chosen stands in the address.
const MOST_FACETS = 12;

function makeExplore(section) {
  if (!section) return;
  const data = JSON.parse(section.querySelector("script").textContent);
  const columns = new Map(data.columns.map((column, index) => [column.name, { ...column, field: `f${index}` }]));
  const runs = data.columns[0].places.map((_, run) =>
    Object.fromEntries([["link", data.links[run]],
      ...[...columns.values()].map(({ field, values, words, places }) => [field, values ? values[run] : words[places[run]] ?? null])]));
  const place = section.querySelector(".controls"), controls = {};
  const add = (key, text, input, value) => {
    const label = place.appendChild(document.createElement("label"));
    label.append(...(input.type === "checkbox" ? [input, ` ${text}`] : [`${text} `, input]));
    if (input.type === "checkbox") input.checked = value === "1";
    else input.value = value ?? "";
    if (input.selectedIndex === -1) input.selectedIndex = 0;
    input.name = key;
    controls[key] = input;
    input.addEventListener("change", changed);
  };
  const chooser = (none) => {
    const select = document.createElement("select");
    select.append(...none.map((text) => new Option(text, "")), ...[...columns.keys()].map((name) => new Option(name, name)));
    return select;
  };
  const box = (type) => Object.assign(document.createElement("input"), { type });
  const asked = (key) => address.get(`explore.${key}`) ?? data.start[key];
  const changed = () => {
    const chosenKeys = Object.entries(controls).map(([key, { type, checked, value }]) => [key, type === "checkbox" ? (checked ? "1" : "") : value]);
    address.set(Object.fromEntries(chosenKeys.map(([key, value]) => [`explore.${key}`, value === (data.start[key] ?? "") ? null : value])));
    show();
  };
  for (const [key, none] of [["x", []], ["y", []], ["colour", ["nothing"]], ["facet", ["nothing"]]]) add(key, key, chooser(none), asked(key));
  add("logx", "logarithmic x", box("checkbox"), asked("logx"));
  add("logy", "logarithmic y", box("checkbox"), asked("logy"));
  add("filter", "only runs whose", chooser(["(all runs)"]), asked("filter"));
  add("is", "is", Object.assign(box("search"), { placeholder: "lkca, or 0.001 to 0.1" }), asked("is"));
  let width = 0;
  const show = () => drawExplored(section, data, columns, runs.filter(fits(columns.get(controls.filter.value), controls.is.value)), runs.length, controls);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    new ResizeObserver(([{ target: { clientWidth } }]) => {
      if (clientWidth === 0 || clientWidth === width) return;
      width = clientWidth;
      show();
    }).observe(section.querySelector(".explored"));
  }, { rootMargin: "400px" }).observe(section);
  section.querySelector(".listed").ontoggle = show;
}

// Words that the value has, or a number, or the ends of a range of numbers: "5", "0.001 to 0.1", "to 3", "0.5 to".
function fits(column, text) {
  if (!column || !text.trim()) return () => true;
  if (column.words) return (run) => String(run[column.field] ?? "").toLowerCase().includes(text.trim().toLowerCase());
  const ends = text.split(/\bto\b/).map((end) => end.trim());
  const [low, high] = ends.length === 2 ? [Number(ends[0] || -Infinity), Number(ends[1] || Infinity)] : [Number(ends[0]), Number(ends[0])];
  return (run) => run[column.field] !== null && run[column.field] >= low && run[column.field] <= high;
}

let exploredView = null;

async function drawExplored(section, data, columns, runs, total, controls) {
  const [x, y, colour, facet] = ["x", "y", "colour", "facet"].map((key) => columns.get(controls[key].value));
  const there = runs.filter((run) => run[x.field] !== null && run[y.field] !== null);
  const facets = facet ? [...new Set(there.map((run) => run[facet.field]))] : [];
  const drawn = facet ? there.filter((run) => facets.indexOf(run[facet.field]) < MOST_FACETS) : there;
  section.querySelector("[role=status]").textContent =
    `${drawn.length} of ${total} runs` + (facets.length > MOST_FACETS ? `; the first ${MOST_FACETS} of ${facets.length} values of ${facet.name}` : "") + ".";
  const target = section.querySelector(".explored"), width = target.clientWidth;
  const abreast = facet ? Math.max(1, Math.min(facets.length, Math.floor(width / 320))) : 1;
  const unit = {
    width: facet ? Math.max(180, Math.floor((width - 70) / abreast) - 20) : width - 90, height: facet ? 220 : 360,
    mark: { type: "point", size: 60, opacity: 0.8, clip: true },
    encoding: {
      x: axis(x, controls.logx.checked, there), y: axis(y, controls.logy.checked, there),
      ...(colour && coloured(colour, data)),
      // Words have no place of their own along an axis of words: a little chance keeps runs apart.
      ...(x.words && { xOffset: { field: "jitter", type: "quantitative", scale: { domain: [-2, 2] } } }),
      href: { field: "link", type: "nominal" },
      tooltip: [...new Set([columns.get("variant"), columns.get("run"), columns.get("seed"), x, y, colour, facet])]
        .filter(Boolean).map(({ field, name, words }) => ({ field, type: words ? "nominal" : "quantitative", title: name })),
    },
  };
  listExplored(section.querySelector(".listed"), drawn, [...new Set([...["variant", "data", "seed"].map((name) => columns.get(name)), x, y])].filter(Boolean));
  const values = drawn.map((run, index) => ({ ...run, jitter: ((index * 0.618) % 1) * 2 - 1 }));
  const spec = facet
    ? { facet: { field: facet.field, type: facet.words ? "nominal" : "ordinal", title: null,
        header: { labelColor: "var(--ink)", labelFontSize: 12, labelPadding: 24 } }, columns: abreast, spec: unit }
    : unit;
  const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1, tooltip: { disableDefaultStyle: true, formatTooltip } };
  exploredView?.finalize();
  const { view } = await vegaEmbed(target, { data: { values }, config: data.config, ...spec }, options);
  exploredView = view;
}

// The runs as links, for those who have no pointer; a closed list is not made.
function listExplored(details, runs, columns) {
  const items = details.open ? runs.map((run) => {
    const item = document.createElement("li");
    const text = columns.map(({ field, name }) => `${name} ${run[field] ?? "none"}`).join(", ");
    item.append(Object.assign(document.createElement("a"), { href: run.link, textContent: text }));
    return item;
  }) : [];
  details.querySelector("ol").replaceChildren(...items);
}

function axis({ field, name, words }, log, runs) {
  if (words) return { field, type: "nominal", title: name, axis: { labelLimit: 160, labelAngle: -30, labelOverlap: words.length > 24 } };
  const type = log && runs.every((run) => run[field] > 0) ? { type: "log" } : { zero: false };
  const format = runs.some((run) => Math.abs(run[field]) >= 10_000) ? "~s" : ".6~g";
  return { field, type: "quantitative", title: name, scale: { ...type, padding: 10 }, axis: { format } };
}

function coloured({ field, name, words }, { looks, colours }) {
  if (!words) return { color: { field, type: "quantitative", title: name, scale: { scheme: "viridis" }, legend: { orient: "bottom", direction: "horizontal", gradientLength: 200 } } };
  if (name !== "variant") return { color: { field, type: "nominal", title: name, scale: { range: colours } }, shape: { field, type: "nominal", title: name } };
  const domain = words, of = (key) => words.map((word) => looks[word][key]);
  return {
    color: { field, type: "nominal", title: name, scale: { domain, range: of("colour") } },
    shape: { field, type: "nominal", title: name, scale: { domain, range: of("shape") } },
  };
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
