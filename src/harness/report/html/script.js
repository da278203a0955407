// The values under the pointer, in all charts of a trial at once. The page is whole without it.
"use strict";
for (const charts of document.querySelectorAll(".charts")) {
  const to = Number(charts.dataset.to);
  const data = JSON.parse(charts.querySelector("script").textContent);
  const plots = [...charts.querySelectorAll(".plot")];
  const cursors = plots.map((plot) => {
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    cursor.hidden = true;
    plot.append(cursor);
    return cursor;
  });
  const number = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 });
  const told = {
    lag: number,
    rate: (value) => `${number(value)}/s`,
    memory: (value) => `${number(value / 1048576)} MiB`,
  };
  // The last point at or before a time; nothing once a line has ended.
  const at = (points, time) => {
    let low = 0, high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= time) low = middle + 1; else high = middle;
    }
    const last = points.at(-1);
    return low === 0 || time > last[0] + 1 ? null : points[low - 1][1];
  };
  const show = (share) => {
    for (const cursor of cursors) {
      cursor.hidden = share === null;
      if (share !== null) cursor.style.left = `${share * 100}%`;
    }
    for (const output of charts.querySelectorAll(".readout")) {
      const of = output.dataset.of;
      if (share === null) {
        output.textContent = "";
      } else if (of === "time") {
        output.textContent = `${(share * to).toFixed(1)} s`;
      } else {
        output.textContent = data[of].map((line) => {
          const value = at(line.points, share * to);
          return `${line.name} ${value === null ? "–" : told[of](value)}`;
        }).join(" · ");
      }
    }
  };
  for (const plot of plots) {
    const move = (event) => {
      const box = plot.getBoundingClientRect();
      show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    };
    plot.addEventListener("pointermove", move);
    plot.addEventListener("pointerdown", move);
  }
  charts.addEventListener("pointerleave", () => show(null));
}
