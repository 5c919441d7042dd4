"use strict";
// Says which model is under the pointer or has the focus, and shows one figure at a time.
globalThis.startFigures = function startFigures(data) {
  if (!data.plots?.length) return;
  const select = document.getElementById("plots");
  const show = () => {
    for (const plot of data.plots) {
      document.getElementById(plot.id).closest("figure").hidden = select !== null && plot.id !== select.value;
    }
  };
  if (select) {
    select.parentElement.hidden = false;
    select.addEventListener("change", show);
  }
  show();
  for (const plot of data.plots) startPlot(plot, data.models);

  function startPlot(plot, models) {
    const svg = document.getElementById(plot.id);
    const canvas = svg.parentElement;
    const halo = svg.querySelector(".halo");
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    canvas.append(tip);
    const [left, top, width, height] = plot.box;
    const places = plot.points.map(([, size, score]) => [
      left + (width * (Math.log10(size) - plot.size[0])) / (plot.size[1] - plot.size[0]),
      top + (height * (plot.score[1] - score)) / (plot.score[1] - plot.score[0]),
    ]);

    function tell(index) {
      const [model, size, score, expected, low, high, verdict] = plot.points[index];
      const [x, y] = places[index];
      halo.setAttribute("cx", x);
      halo.setAttribute("cy", y);
      halo.setAttribute("visibility", "visible");
      const range = low === null || high === null ? "" : ` (${low.toFixed(1)} to ${high.toFixed(1)})`;
      const lines = [
        ["strong", models[model]],
        ["span", `${score.toFixed(1)} at ${Number(size.toPrecision(3))} B`],
        ["span", expected === null ? "not judged" : `expected ${expected.toFixed(1)}${range}`],
      ];
      if (verdict === "strong" || verdict === "review") lines.push(["em", verdict]);
      tip.replaceChildren(
        ...lines.map(([name, text]) => Object.assign(document.createElement(name), { textContent: text })),
      );
      tip.hidden = false;
      const scale = svg.getBoundingClientRect().width / plot.width;
      const room = canvas.clientWidth - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(room, x * scale + 12))}px`;
      tip.style.top = `${Math.max(0, y * scale - tip.offsetHeight - 12)}px`;
    }

    function hide() {
      tip.hidden = true;
      halo.setAttribute("visibility", "hidden");
    }

    svg.addEventListener("pointermove", (event) => {
      const flagged = event.target.closest("[data-point]");
      if (flagged) return tell(Number(flagged.dataset.point));
      const box = svg.getBoundingClientRect();
      const scale = box.width / plot.width;
      const [x, y] = [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale];
      let best = -1;
      let least = 14 * 14;
      places.forEach(([px, py], index) => {
        const distance = (px - x) ** 2 + (py - y) ** 2;
        if (distance < least) [best, least] = [index, distance];
      });
      if (best >= 0) tell(best);
      else hide();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("focusin", (event) => {
      const flagged = event.target.closest("[data-point]");
      if (flagged) tell(Number(flagged.dataset.point));
    });
    svg.addEventListener("focusout", hide);
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
    });
  }
};
