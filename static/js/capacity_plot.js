// Draws amperes of one phase over a day into every [data-capacity], stacked by connector, with the limit. uPlot is loaded before this file.
"use strict";

(() => {
  const HEIGHT = 320;
  const LEAST = 3600; // seconds that are drawn
  const LIGHT = ["#1765b8", "#0b7a53", "#9a5b00", "#8a3ab9", "#7a4a2b", "#00707f", "#5d6b00", "#3f4fa8", "#6b7280"];
  const DARK = ["#5ea8ff", "#4fd1a5", "#f2b84b", "#c79bff", "#d2a27d", "#55d3e3", "#c6d64a", "#9aa8ff", "#a3adb8"];

  const dark = () => document.documentElement.getAttribute("data-bs-theme") === "dark";

  function amperes(value) {
    return value == null ? "–" : `${value.toLocaleString(undefined, { maximumFractionDigits: 1 })} A`;
  }

  // Each line lies upon those below it: what uPlot draws are sums.
  function sums(rows) {
    const found = [];
    rows.forEach((row, index) => found.push(row.map((value, at) => value + (index ? found[index - 1][at] : 0))));
    return found;
  }

  // A bucket holds until it ends, also the last one.
  function lasting(answer) {
    if (answer.t.length) {
      answer.t.push(answer.t[answer.t.length - 1] + answer.bucket);
      for (const row of [...answer.amperes, answer.granted, answer.limit]) row.push(row[row.length - 1]);
    }
    return answer;
  }

  // What is recorded of the day, at least an hour of it.
  function recorded(answer) {
    const first = answer.t[0], last = answer.t[answer.t.length - 1];
    const from = Math.max(answer.start, Math.min(first, answer.end - LEAST));
    return [from, Math.min(answer.end, Math.max(last, from + LEAST))];
  }

  function options(holder, answer) {
    const colours = dark() ? DARK : LIGHT;
    const text = getComputedStyle(holder).color;
    const grid = dark() ? "#2b3a38" : "#dde4e3";
    const danger = dark() ? "#ff6b5e" : "#b3261e";
    const count = answer.names.length;
    const stepped = uPlot.paths.stepped({ align: 1 });
    const own = (row) => (_plot, _value, _series, at) => at == null ? "–" : amperes(answer.amperes[row][at]);
    const clock = (_plot, seconds) => seconds == null ? "–" : new Date(seconds * 1000).toLocaleTimeString(undefined, { timeZone: answer.zone, hour: "2-digit", minute: "2-digit" });
    const series = [{ label: holder.dataset.time, value: clock }];
    // The topmost sum first, so that those below are drawn over it.
    for (let row = count - 1; row >= 0; row -= 1) {
      const colour = colours[answer.colours[row] % colours.length];
      series.push({ label: answer.names[row], scale: "a", stroke: colour, fill: colour, width: 1, paths: stepped, points: { show: false }, value: own(row) });
    }
    series.push({ label: holder.dataset.kept, scale: "a", stroke: text, width: 1.5, dash: [3, 4], paths: stepped, points: { show: false }, value: (_plot, value) => amperes(value) });
    series.push({ label: holder.dataset.limit, scale: "a", stroke: danger, width: 2.5, dash: [10, 4], paths: stepped, points: { show: false }, value: (_plot, value) => amperes(value) });
    const axis = { stroke: text, font: "12px sans-serif", grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width: Math.max(holder.clientWidth, 240), height: HEIGHT, series,
      axes: [{ ...axis, space: 70 }, { ...axis, scale: "a", label: "A", size: 50, labelSize: 18, labelFont: "12px sans-serif" }],
      scales: {
        x: { time: true, range: (_plot, low, high) => high - low < answer.t[answer.t.length - 1] - answer.t[0] ? [low, high] : recorded(answer) },
        a: { range: (_plot, _low, high) => [0, Math.max(high || 0, 6) * 1.08] },
      },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), answer.zone),
      fmtDate: (template) => uPlot.fmtDate(template.replaceAll("{h}", "{HH}").replaceAll("{aa}", "").replaceAll("{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}").replaceAll("{M}/{D}", "{MM}-{DD}")),
      legend: { live: true, markers: { width: 2, dash: (plot, index) => plot.series[index].dash ? "dashed" : "solid" } },
      cursor: { drag: { x: true, y: false } },
    };
  }

  class Figure {
    constructor(holder) {
      this.holder = holder;
      this.plot = null;
      this.answer = null;
      this.loading = false;
      this.loaded = 0;
      new ResizeObserver(() => this.plot && this.plot.setSize({ width: Math.max(holder.clientWidth, 240), height: HEIGHT })).observe(holder);
      document.documentElement.addEventListener("themechange", () => this.draw());
      holder.addEventListener("live", () => this.load());
      this.load();
    }

    async load() {
      if (this.loading || Date.now() - this.loaded < 20000) return; // its numbers change every half minute
      this.loading = true;
      try {
        const response = await fetch(this.holder.dataset.capacity, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (response.ok) {
          this.answer = lasting(await response.json());
          this.loaded = Date.now();
          this.draw();
        }
      } catch {
        // Offline for a moment: the next nudge tries again.
      } finally {
        this.loading = false;
      }
    }

    draw() {
      const answer = this.answer;
      if (!answer) return;
      if (this.plot) this.plot.destroy();
      this.plot = null;
      if (!answer.t.length) return;
      const data = [answer.t, ...sums(answer.amperes).reverse(), answer.granted, answer.limit];
      this.plot = new uPlot(options(this.holder, answer), data, this.holder);
    }
  }

  for (const holder of document.querySelectorAll("[data-capacity]")) new Figure(holder);
})();
