// Charts of the last minutes, by uPlot (uplot/). What comes in from devices is above the line, what goes out below:
// at a relay both are nearly the same, and one would hide the other.

import { h, setText } from "./dom.js";
import { time } from "./format.js";

/* global uPlot */
const SHORTEST_S = 60; // that is shown although less is known
const AXIS_FONT = "11px system-ui, sans-serif";
const probe = h("span", { hidden: true });
document.body.append(probe);
const charts = new Set();

// What a variable of the style sheet is now, in a form that a canvas takes.
function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const faint = (rgb) => `rgba(${rgb.match(/[\d.]+/g).slice(0, 3).join(", ")}, 0.13)`;

export class Chart {
  // `series`: [{ label, column, colour: "--in", isBelow, isLine }]; `format` makes a value a text; `floor` is the least
  // height of the scale, so that a few bytes are no mountain.
  constructor({ label, series, format, floor, height = 220 }) {
    this.series = series;
    this.format = format;
    this.floor = floor;
    this.height = height;
    this.values = series.map(() => h("dd", { text: "–" }));
    this.when = h("span", { class: "when" });
    const legend = h("dl", { class: "legend" }, ...series.map((one, index) => h("div", {}, h("dt", { class: `key ${one.colour.slice(2)}`, text: one.label }), this.values[index])), this.when);
    this.plotElement = h("div", { class: "plot", role: "img", "aria-label": label });
    this.element = h("div", { class: "chart" }, legend, this.plotElement);
    this.plot = null;
    new ResizeObserver(() => this.resize()).observe(this.plotElement);
    charts.add(this);
  }

  // `windowS`: how much of the history is shown.
  update(history, windowS) {
    this.windowS = windowS;
    this.data = [history.t, ...this.series.map((one) => history[one.column].map((value) => (value === null ? null : one.isBelow ? -value : value)))];
    if (!this.plotElement.clientWidth) return;
    if (this.plot === null) this.make();
    else this.plot.setData(this.data);
    if (this.plot.cursor.idx === null || this.plot.cursor.idx === undefined || this.plot.cursor.left < 0) this.tell(history.t.length - 1, false);
  }

  make() {
    const ink = colour("--quiet");
    const line = { stroke: colour("--line"), width: 1 };
    const narrow = this.plotElement.clientWidth < 520;
    this.plot = new uPlot(
      {
        width: this.plotElement.clientWidth,
        height: this.height,
        legend: { show: false },
        padding: [10, 16, 0, 0],
        cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
        scales: {
          x: { range: (plot, least, most) => this.span(least ?? 0, most ?? 1) },
          y: { range: (plot, least, most) => this.range(least, most) },
        },
        axes: [
          { stroke: ink, font: AXIS_FONT, grid: { show: false }, ticks: { show: false }, size: 30, gap: 9, space: narrow ? 56 : 110, values: (plot, splits) => splits.map((at) => time(at).slice(-8, splits[1] - splits[0] < 60 ? undefined : -3)) },
          { stroke: ink, font: AXIS_FONT, grid: line, ticks: { show: false }, size: 72, gap: 6, space: 36, values: (plot, splits) => splits.map((value) => this.format(Math.abs(value))) },
        ],
        series: [{}, ...this.series.map((one) => ({ stroke: colour(one.colour), fill: one.isLine ? undefined : faint(colour(one.colour)), fillTo: 0, width: 1.5, points: { show: false } }))],
        hooks: { setCursor: [(plot) => this.hover(plot)] },
      },
      this.data,
      this.plotElement,
    );
  }

  // The window, or as much of it as there is.
  span(first, last) {
    return [Math.max(last - this.windowS, Math.min(first, last - SHORTEST_S)), last];
  }

  range(least, most) {
    const top = Math.max(this.floor, (most ?? 0) * 1.08);
    const below = this.series.some((one) => one.isBelow);
    return [below ? -Math.max(this.floor, -(least ?? 0) * 1.08) : 0, top];
  }

  hover(plot) {
    const { idx, left } = plot.cursor;
    if (idx === null || idx === undefined || left < 0) this.tell(this.data[0].length - 1, false);
    else this.tell(idx, true);
  }

  tell(index, isPast) {
    this.series.forEach((one, number) => {
      const value = this.data[number + 1][index];
      setText(this.values[number], value === null || value === undefined ? "–" : this.format(Math.abs(value)));
    });
    setText(this.when, isPast ? time(this.data[0][index]) : "");
  }

  resize() {
    const width = this.plotElement.clientWidth;
    if (!width || this.data === undefined) return;
    if (this.plot === null) this.make();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: this.height });
  }

  // Draws it again in the colours of now.
  repaint() {
    if (this.plot === null) return;
    this.plot.destroy();
    this.plot = null;
    this.make();
  }
}

export function repaintCharts() {
  for (const chart of charts) chart.repaint();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintCharts);
