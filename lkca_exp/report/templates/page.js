"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll(".plot")];
const options = { responsive: true, displayModeBar: false };
plots.forEach((plot, index) => Plotly.newPlot(plot, figures[index].data, figures[index].layout, options));

// One legend for all figures of a setting: a button shows or hides its variant in each of them.
for (const legend of document.querySelectorAll(".legend")) {
  legend.hidden = false;
  legend.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const visible = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", visible);
    for (const plot of legend.parentElement.querySelectorAll(".plot")) {
      const traces = plot.data.flatMap((trace, index) => (trace.meta === button.dataset.name ? [index] : []));
      if (traces.length) Plotly.restyle(plot, { visible }, traces);
    }
  });
}
