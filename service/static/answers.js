// A card for each model and each cascade: what it says of the current text, and how fast.

import { element, figures } from "./dom.js";
import { inputsOf, kindOf } from "./inputs.js";
import { partsOf, readNotes } from "./told.js";

const DOES = {
  tagger: "tags parts of a text",
  pairs: "reads two texts",
  ranker: "scores a second text for the first",
  embedder: "compares two texts",
};

function aboutOf(model) {
  const { bytes, precision, version } = model;
  const size = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
  const does = DOES[kindOf(model)];
  return `${does ? `${does}; ` : ""}version ${version}, ${precision}, ${size}`;
}

function times({ inference, total }) {
  const pair = (name, value) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, `${figures(value)} ms`));
  return element("dl", { class: "times" }, pair("inference", inference), pair("total", total));
}

class Card {
  constructor(name, about, { isDefault, isRoute, kind }) {
    this.kind = kind;
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

  /** What it is asked; null: it wants a second text, and says so. */
  inputs(first, second) {
    const inputs = inputsOf(this.kind, first, second);
    if (!inputs) this.show(element("p", { class: "note" }, "Reads two texts: type a second one."));
    return inputs;
  }

  answer({ predictions, timing_ms: timing }, inputs) {
    const { answer, details } = partsOf(predictions, inputs);
    const notes = [...this.notes(predictions[0]), ...readNotes(predictions)];
    this.show(
      answer,
      ...notes.map((note) => element("p", { class: "note" }, note)),
      ...details,
      times(timing),
    );
  }

  notes() {
    return [];
  }
}

class CascadeCard extends Card {
  constructor(cascade, isDefault, kind) {
    const about = `asks ${cascade.chain.join(", then ")}`;
    super(cascade.name, about, { isDefault, isRoute: true, kind });
    this.stale = cascade.stale;
  }

  notes({ model, escalated, degraded }) {
    if (this.stale) return [`Answered by ${model}: its thresholds are not trusted.`];
    if (degraded) {
      return [`Degraded: ${model} answered and was unsure; the next model would have been late.`];
    }
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
    const what = { isDefault, isRoute: false, kind: kindOf(model) };
    cards.set(model.name, new Card(model.name, aboutOf(model), what));
  }
  const ready = new Set(cards.keys());
  for (const cascade of cascades) {
    const last = serving.find((model) => model.name === cascade.chain.at(-1));
    if (!last) continue; // its own panel says what is missing
    cards.set(cascade.name, new CascadeCard(cascade, cascade.name === standard, kindOf(last)));
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
