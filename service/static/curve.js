// What a cascade's fit says of a threshold, and its drawing. Knows no text and no slider.

import { percent, shape } from "./dom.js";

const WIDTH = 420;
const HEIGHT = 222;
const LEFT = 56;
const RIGHT = 408;
const TOP = 12;
const BOTTOM = 194;

export class Curve {
  /** @param cascade one entry of `cascades` in the answer of `GET /models` */
  constructor({ hops, fit }) {
    this.fitted = {
      threshold: hops[0].threshold,
      escalated: hops.at(-1).escalated,
      accuracy: fit.accuracy,
    };
    this.last = fit.last_accuracy;
    this.known = fit.curve.length > 0;
    const points = new Map([0, 0.5, 1].map((threshold) => [threshold, { threshold }]));
    if (this.known) points.clear();
    for (const point of [...fit.curve, this.fitted]) points.set(point.threshold, point);
    this.points = [...points.values()].sort((a, b) => a.threshold - b.threshold);
  }

  /** Share escalated and accuracy expected at a threshold, or null where nothing was fitted. */
  at(threshold) {
    if (!this.known) return null;
    if (threshold === this.fitted.threshold) return this.fitted;
    const { points } = this;
    const next = points.findIndex((point) => point.threshold >= threshold);
    if (next === -1) return points.at(-1);
    if (next === 0) return points[0];
    const [a, b] = [points[next - 1], points[next]];
    const t = (threshold - a.threshold) / (b.threshold - a.threshold);
    const between = (name) => a[name] + t * (b[name] - a[name]);
    return { threshold, escalated: between("escalated"), accuracy: between("accuracy") };
  }

  // Confidences crowd near 1, so a slider even in thresholds would be too coarse there. The
  // fit took its thresholds at quantiles: a slider even in those moves evenly through texts.

  /** The threshold at a place of the slider, from 0 to 1. */
  threshold(place) {
    const index = place * (this.points.length - 1);
    const low = this.points[Math.floor(index)].threshold;
    const high = this.points[Math.ceil(index)].threshold;
    return low + (index % 1) * (high - low);
  }

  /** The place of the fitted threshold. */
  get place() {
    return this.points.indexOf(this.fitted) / Math.max(1, this.points.length - 1);
  }
}

/** A range of accuracies around some, with round numbers along it. */
function axis(accuracies) {
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1].find((s) => high - low < 4 * s) ?? 0.25;
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  const ticks = [];
  for (let index = first; index <= last; index++) ticks.push(index * step);
  if (ticks.length < 2) ticks.push((first + 1) * step);
  return { bottom: ticks[0], top: ticks.at(-1), ticks, digits: step < 0.01 ? 1 : 0 };
}

/** Accuracy against the share escalated; returns the drawing and how to move its point. */
export function draw(curve, names) {
  const { bottom, top, ticks, digits } = axis([
    ...curve.points.map((point) => point.accuracy),
    curve.last,
  ]);
  const x = (share) => LEFT + share * (RIGHT - LEFT);
  const y = (accuracy) => BOTTOM - ((accuracy - bottom) / (top - bottom)) * (BOTTOM - TOP);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });

  for (const accuracy of ticks) {
    svg.append(
      shape("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(accuracy), y2: y(accuracy) }),
      shape(
        "text",
        { x: LEFT - 8, y: y(accuracy) + 4, "text-anchor": "end" },
        percent(accuracy, digits),
      ),
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const anchor = share === 1 ? "end" : "middle";
    svg.append(
      shape("text", { x: x(share), y: BOTTOM + 18, "text-anchor": anchor }, percent(share, 0)),
    );
  }
  const along = [...curve.points].sort((a, b) => a.escalated - b.escalated);
  const line = along.map((point) => `${x(point.escalated)},${y(point.accuracy)}`).join(" ");
  const now = shape("circle", { class: "now", r: 6 });
  svg.append(
    shape("line", { class: "alone", x1: LEFT, x2: RIGHT, y1: y(curve.last), y2: y(curve.last) }),
    shape("polyline", { class: "path", points: line }),
    shape("circle", {
      class: "fitted",
      r: 8,
      cx: x(curve.fitted.escalated),
      cy: y(curve.fitted.accuracy),
    }),
    now,
  );
  const move = (point) => {
    now.setAttribute("cx", x(point.escalated));
    now.setAttribute("cy", y(point.accuracy));
    svg.setAttribute(
      "aria-label",
      `Accuracy against share escalated. Now ${percent(point.accuracy)} at ` +
        `${percent(point.escalated)}; fitted ${percent(curve.fitted.accuracy)} at ` +
        `${percent(curve.fitted.escalated)}; ${names.last} alone ${percent(curve.last)}.`,
    );
  };
  return { svg, move };
}
