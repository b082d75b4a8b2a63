// Ask whether there is news, and put it in the place of the old without a jump.
const seconds = 3;

async function renew() {
  const said = document.getElementById("live");
  try {
    const version = await (await fetch("version", { cache: "no-store" })).text();
    if (version !== document.documentElement.dataset.version) {
      const text = await (await fetch("./", { cache: "no-store" })).text();
      const fresh = new DOMParser().parseFromString(text, "text/html");
      const focused = document.activeElement?.matches(".filter input");
      const open = [...document.querySelectorAll("details")].map((details) => details.open);
      const charts = new Map([...document.querySelectorAll(".chart.drawn")].map((chart) => [chart.dataset.key, chart]));
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
      document.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? details.open));
      keepCharts(charts);
      document.documentElement.dataset.version = fresh.documentElement.dataset.version;
      start();
      if (focused) document.querySelector(".filter input").focus();
    }
  } catch {
    if (said) said.textContent = "The server does not answer; this is what it said last.";
  }
  setTimeout(renew, 1000 * seconds);
}

// A chart whose rows are the same stays; another is drawn anew, and shows what it showed until then.
function keepCharts(before) {
  for (const chart of document.querySelectorAll(".chart")) {
    const old = before.get(chart.dataset.key);
    if (!old) continue;
    before.delete(chart.dataset.key);
    if (old.querySelector("script").textContent === chart.querySelector("script").textContent) {
      chart.replaceWith(old);
      continue;
    }
    views.set(chart, views.get(old));
    views.delete(old);
    chart.append(old.querySelector(".live"));
    chart.classList.add("drawn");
    draw(chart);
  }
  for (const gone of before.values()) {
    views.get(gone).finalize();
    views.delete(gone);
  }
}

setTimeout(renew, 1000 * seconds);
