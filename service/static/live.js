// The service's figures of the last minute, asked for while somebody can see them.

import { isRefused, stats } from "./api.js";
import { byId, element, figures, percent, say, shape } from "./dom.js";

const EVERY_MS = 2000;
const KEPT = 60; // two minutes of them

const history = { rate: [], p99: [], escalated: [] };

function spark(name, value) {
  const values = history[name];
  values.push(value ?? 0);
  if (values.length > KEPT) values.shift();
  const svg = byId(`spark-${name}`);
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  const top = Math.max(...values) || 1;
  const start = KEPT - values.length;
  const points = values.map(
    (each, index) => `${((start + index) / (KEPT - 1)) * 100},${28 - (each / top) * 26}`,
  );
  svg.replaceChildren(shape("polyline", { points: points.join(" ") }));
}

function row([name, route]) {
  const cells = [
    figures(route.texts_per_second),
    figures(route.p50_ms),
    figures(route.p99_ms),
    String(route.errors),
    route.escalated_share === null ? "–" : percent(route.escalated_share, 0),
    route.degraded_share === null ? "–" : percent(route.degraded_share, 0),
  ];
  const title = name === "-" ? "unknown" : name;
  const head = element("th", { scope: "row" }, title);
  return element("tr", {}, head, ...cells.map((cell) => element("td", {}, cell)));
}

function show({ overall, pid, routes, seconds }, cascades) {
  const asked = Object.entries(routes).filter(([name]) => cascades().has(name));
  const texts = asked.reduce((sum, [, route]) => sum + route.texts, 0);
  const sent = asked.reduce((sum, [, route]) => sum + (route.escalated_share ?? 0) * route.texts, 0);
  say(byId("live-rate"), figures(overall.requests_per_second));
  say(byId("live-p99"), figures(overall.p99_ms));
  say(byId("live-escalated"), texts ? percent(sent / texts) : "–");
  spark("rate", overall.requests_per_second);
  spark("p99", overall.p99_ms);
  spark("escalated", texts ? sent / texts : 0);
  say(
    byId("live-caption"),
    `${overall.requests} requests in the last ${Math.round(seconds)} s, those of this page ` +
      `included, as worker process ${pid} saw them.`,
  );
  byId("live-routes").replaceChildren(...Object.entries(routes).map(row));
}

/**
 * Shows the figures, and goes on showing them.
 *
 * @param cascades the names of the cascades there are now
 * @param tick called before each look
 */
export function watch(cascades, tick) {
  let timer = null;
  async function look() {
    timer = null;
    try {
      await tick();
      if (!isRefused()) show(await stats(), cascades);
    } catch {
      // Shown as missing; the next look may do better, and answers say what is wrong.
      for (const name of ["rate", "p99", "escalated"]) say(byId(`live-${name}`), "–");
    }
    schedule(EVERY_MS);
  }
  function schedule(wait) {
    clearTimeout(timer);
    timer = document.hidden ? null : setTimeout(look, wait);
  }
  document.addEventListener("visibilitychange", () => schedule(0));
  schedule(0);
}
