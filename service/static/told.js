// What a prediction says, by what it holds: in a few words, and as nodes of a card.

import { element, percent } from "./dom.js";

const SHOWN_LABELS = 5;

const lengthOf = (vector) => Math.hypot(...vector);
const number = (value) => String(Number(value.toPrecision(4)));

function cosine(one, other) {
  const product = one.reduce((sum, value, place) => sum + value * other[place], 0);
  return product / (lengthOf(one) * lengthOf(other) || 1);
}

/**
 * What a text gets: a label; of a multi-label model any number of them, best first; of a
 * regression a number; of a tagger its entities; of an embedder the size.
 */
export function answerOf({ label, labels, score, scores, entities, embedding }) {
  if (entities) {
    return entities.map((one) => `${one.text} (${one.label})`).join(", ") || "no entity";
  }
  if (embedding) return `${embedding.length} numbers`;
  if (!scores) return number(score);
  if (!labels) return label;
  const ranked = [...labels].sort((a, b) => scores[b] - scores[a]);
  return ranked.join(", ") || "no label";
}

/** The same of a whole answer: of two embeddings how alike they are. */
export function answerOfAll([first, second]) {
  if (first.embedding && second) return `cosine ${cosine(first.embedding, second.embedding).toFixed(3)}`;
  return answerOf(first);
}

/** For a reader who hears it: the answer, and how sure the model is. */
export function spoken(predictions) {
  const [{ scores, confidence }] = predictions;
  return answerOfAll(predictions) + (scores ? `, ${percent(confidence, 0)}` : "");
}

/**
 * The text with its entities marked. Their places are characters as Python counts them: code
 * points, of which JavaScript counts some twice.
 */
function marked(text, entities) {
  const characters = [...text];
  const line = element("p", { class: "marked" });
  let end = 0;
  for (const one of [...entities].sort((a, b) => a.start - b.start)) {
    if (one.start < end) continue; // no text is marked twice
    line.append(characters.slice(end, one.start).join(""));
    line.append(
      element(
        "mark",
        { title: percent(one.score) },
        characters.slice(one.start, one.end).join(""),
        element("span", { class: "label" }, one.label),
      ),
    );
    end = one.end;
  }
  line.append(characters.slice(end).join(""));
  return line;
}

/** Every label that is given, and the best of the rest. */
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

function lengths(predictions) {
  const names = predictions.length > 1 ? ["length, first text", "second text"] : ["length"];
  const list = element("dl", { class: "times" });
  for (const [place, { embedding }] of predictions.entries()) {
    const value = element("dd", {}, lengthOf(embedding).toFixed(3));
    list.append(element("div", {}, element("dt", {}, names[place]), value));
  }
  return list;
}

/** How much of a text was read, where that is not all, or not at once. */
export function readNotes(predictions) {
  const notes = [];
  for (const { truncated, tokens, windows } of predictions) {
    if (windows > 1) notes.push(`Read in ${windows} windows, ${tokens} tokens in all.`);
    if (truncated) notes.push(`Read only its first ${tokens} tokens.`);
  }
  return notes;
}

/** What a card shows of an answer: the answer itself, and what lies under the notes. */
export function partsOf(predictions, inputs) {
  const [first] = predictions;
  if (first.entities) {
    const answer = first.entities.length
      ? marked(inputs[0], first.entities)
      : element("p", { class: "answer" }, answerOf(first));
    return { answer, details: [] };
  }
  const answer = element("p", { class: "answer" }, answerOfAll(predictions));
  if (first.embedding) {
    const size = predictions.length > 1 ? [element("p", { class: "note" }, answerOf(first))] : [];
    return { answer, details: [...size, lengths(predictions)] };
  }
  return { answer, details: first.scores ? [scoreRows(first)] : [] };
}
