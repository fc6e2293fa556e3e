// A card for each model and each cascade: what it says of the current text, and how fast.

import { element, figures, percent } from "./dom.js";

const SHOWN_LABELS = 5;

function sizeOf({ bytes, precision, version }) {
  const size = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
  return `version ${version}, ${precision}, ${size}`;
}

/** Every label that is given, and the best of the rest; a number has no labels. */
function scoreRows({ label, labels, scores }) {
  const given = new Set(labels ?? [label]);
  const ranked = Object.entries(scores);
  const shown = ranked.filter(([name], rank) => given.has(name) || rank < SHOWN_LABELS);
  const list = element("ul", { class: "scores" });
  for (const [name, score] of shown) {
    const bar = element("span");
    bar.style.setProperty("--share", score);
    list.append(
      element(
        "li",
        given.has(name) ? { class: "given" } : {},
        element("span", {}, name),
        element("span", { class: "bar", "aria-hidden": "true" }, bar),
        element("span", { class: "number" }, percent(score)),
      ),
    );
  }
  if (shown.length < ranked.length) {
    list.append(element("li", {}, `${ranked.length - shown.length} more`));
  }
  return list;
}

/**
 * What a text gets: a label; of a multi-label model any number of them, best first; of a
 * regression a number.
 */
export function answerOf({ label, labels, score, scores }) {
  if (!scores) return String(Number(score.toPrecision(4)));
  if (!labels) return label;
  const ranked = [...labels].sort((a, b) => scores[b] - scores[a]);
  return ranked.join(", ") || "no label";
}

function times({ inference, total }) {
  const pair = (name, value) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, `${figures(value)} ms`));
  return element("dl", { class: "times" }, pair("inference", inference), pair("total", total));
}

class Card {
  constructor(name, about, { isDefault, isRoute }) {
    const header = element("header", {}, element("h3", {}, name));
    if (isDefault) header.append(element("span", { class: "tag" }, "default"));
    header.append(element("p", { class: "hint" }, about));
    this.node = element("article", { class: isRoute ? "card route" : "card" }, header);
    this.node.dataset.route = name;
    this.parts = [];
    this.clear();
  }

  show(...parts) {
    for (const part of this.parts) part.remove();
    this.parts = parts;
    this.node.append(...parts);
    this.node.removeAttribute("aria-busy");
  }

  clear() {
    this.show(element("p", { class: "answer waiting", "aria-hidden": "true" }, "–"));
  }

  wait() {
    this.node.setAttribute("aria-busy", "true");
  }

  fail(detail) {
    this.show(element("p", { class: "failed" }, detail));
  }

  answer({ predictions: [prediction], timing_ms: timing }) {
    const notes = this.notes(prediction);
    if (prediction.truncated) notes.push(`Read only its first ${prediction.tokens} tokens.`);
    this.show(
      element("p", { class: "answer" }, answerOf(prediction)),
      ...notes.map((note) => element("p", { class: "note" }, note)),
      ...(prediction.scores ? [scoreRows(prediction)] : []),
      times(timing),
    );
  }

  notes() {
    return [];
  }
}

class CascadeCard extends Card {
  constructor(cascade, isDefault) {
    super(cascade.name, `asks ${cascade.chain.join(", then ")}`, { isDefault, isRoute: true });
    this.stale = cascade.stale;
  }

  notes({ model, escalated }) {
    if (this.stale) return [`Answered by ${model}: its thresholds are not trusted.`];
    return [escalated ? `Escalated: ${model} answered.` : `Answered by ${model}, not escalated.`];
  }
}

/** Cards of the models that serve, smallest first, then of the cascades. */
export function cardsOf({ default: standard, models, cascades }) {
  const serving = models.filter((model) => model.state !== "unavailable");
  serving.sort((a, b) => a.bytes - b.bytes || a.name.localeCompare(b.name));
  const cards = new Map();
  for (const model of serving) {
    const isDefault = model.name === standard;
    cards.set(model.name, new Card(model.name, sizeOf(model), { isDefault, isRoute: false }));
  }
  const ready = new Set(cards.keys());
  for (const cascade of cascades) {
    if (!ready.has(cascade.chain.at(-1))) continue; // its own panel says what is missing
    cards.set(cascade.name, new CascadeCard(cascade, cascade.name === standard));
  }
  return { cards, ready };
}

/** Cards of models that cannot be served, with the reason; nothing is asked of them. */
export function brokenCards({ models }) {
  return models
    .filter((model) => model.state === "unavailable")
    .map((model) => {
      const why = Object.values(model.problems).join("; ") || "It is not loaded.";
      const card = new Card(model.name, "unavailable", {});
      card.fail(why);
      return card.node;
    });
}
