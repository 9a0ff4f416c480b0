// Draws power and energy over time into every [data-plot]. Numbers come from the address in data-plot; uPlot is loaded before this file.
"use strict";

(() => {
  const HEIGHT = 300;

  // Colours of the theme in force, read again when it changes.
  function palette(element) {
    const style = getComputedStyle(element);
    const dark = document.documentElement.getAttribute("data-bs-theme") === "dark";
    return {
      text: style.color,
      grid: dark ? "#2b3a38" : "#dde4e3",
      power: dark ? "#5ea8ff" : "#1765b8",
      powerFill: dark ? "rgba(94, 168, 255, 0.16)" : "rgba(23, 101, 184, 0.12)",
      energy: dark ? "#4fd1a5" : "#0b7a53",
      charge: dark ? "#f2b84b" : "#9a5b00",
    };
  }

  function number(value, digits, unit) {
    return value == null ? "–" : `${value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
  }

  function options(holder, answer) {
    const colours = palette(holder);
    const zone = answer.zone;
    const axis = (scale, label, side, stroke) => ({
      scale, label, side, stroke,
      size: 56, labelSize: 20, font: "12px sans-serif", labelFont: "12px sans-serif",
      grid: side === 3 ? { stroke: colours.grid, width: 1 } : { show: false },
      ticks: { stroke: colours.grid, width: 1 },
    });
    const series = [
      { label: holder.dataset.time, value: (_plot, seconds) => seconds == null ? "–" : new Date(seconds * 1000).toLocaleTimeString(undefined, { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }) },
      {
        label: holder.dataset.power, scale: "kw", stroke: colours.power, fill: colours.powerFill, width: 2, spanGaps: true,
        // What is worked out from two readings is an average: it holds for the whole time between them.
        paths: answer.derived ? uPlot.paths.stepped({ align: -1 }) : uPlot.paths.linear(), points: { show: false },
        value: (_plot, value) => number(value, 2, "kW"),
      },
      {
        label: holder.dataset.energy, scale: "kwh", stroke: colours.energy, width: 2, dash: [6, 4], spanGaps: true, points: { show: false },
        value: (_plot, value) => number(value, 3, "kWh"),
      },
    ];
    const axes = [
      { stroke: colours.text, font: "12px sans-serif", grid: { stroke: colours.grid, width: 1 }, ticks: { stroke: colours.grid, width: 1 }, space: 70 },
      axis("kw", "kW", 3, colours.power),
      axis("kwh", "kWh", 1, colours.energy),
    ];
    const scales = {
      x: { time: true, range: (_plot, low, high) => [Math.min(low, answer.start), Math.max(high, answer.end)] },
      kw: { range: (_plot, _low, high) => [0, Math.max(high || 0, 0.1) * 1.08] },
      kwh: { range: (_plot, low, high) => [Math.min(0, low || 0), Math.max(high || 0, 0.1) * 1.08] },
    };
    if (answer.charge.length) {
      series.push({
        label: holder.dataset.charge, scale: "percent", stroke: colours.charge, width: 1.5, dash: [2, 3], spanGaps: true, points: { show: false },
        value: (_plot, value) => number(value, 0, "%"),
      });
      scales.percent = { range: [0, 108] };
    }
    return {
      width: Math.max(holder.clientWidth, 240), height: HEIGHT, series, axes, scales,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      fmtDate: (template) => uPlot.fmtDate(template.replaceAll("{h}", "{HH}").replaceAll("{aa}", "").replaceAll("{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}").replaceAll("{M}/{D}", "{MM}-{DD}")),
      legend: { live: true },
      cursor: { drag: { x: true, y: false } },
    };
  }

  class Figure {
    constructor(holder) {
      this.holder = holder;
      this.plot = null;
      this.answer = null;
      this.loading = false;
      new ResizeObserver(() => this.plot && this.plot.setSize({ width: Math.max(holder.clientWidth, 240), height: HEIGHT })).observe(holder);
      document.documentElement.addEventListener("themechange", () => this.draw());
      holder.addEventListener("live", () => this.load());
      this.load();
    }

    async load() {
      if (this.loading) return;
      this.loading = true;
      try {
        const response = await fetch(this.holder.dataset.plot, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (response.ok) {
          this.answer = await response.json();
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
      const empty = document.getElementById(this.holder.dataset.empty);
      const note = document.getElementById(this.holder.dataset.note);
      if (!answer) return;
      const nothing = answer.t.length === 0;
      if (empty) empty.hidden = !nothing;
      if (note) note.hidden = nothing || !answer.derived;
      this.holder.hidden = nothing;
      if (this.plot) this.plot.destroy();
      this.plot = null;
      if (nothing) return;
      const data = [answer.t, answer.kw, answer.kwh];
      if (answer.charge.length) data.push(answer.charge);
      this.plot = new uPlot(options(this.holder, answer), data, this.holder);
    }
  }

  for (const holder of document.querySelectorAll("[data-plot]")) new Figure(holder);
})();
