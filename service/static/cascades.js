// A panel for each cascade: move its threshold, and see who would answer and what to expect.

import { Curve, draw } from "./curve.js";
import { element, figures, percent, say } from "./dom.js";
import { answerOf } from "./told.js";

const STEPS = 200;

/** The model of the chain that answers, or null while one that it depends on has not. */
function whoAnswers(chain, thresholds, answers) {
  for (const [index, name] of chain.entries()) {
    const answer = answers.get(name);
    if (!answer) return null;
    if (index === chain.length - 1 || answer.confidence >= thresholds[index]) {
      return { name, answer, escalated: index > 0 };
    }
  }
  return null;
}

function heading({ name, chain }) {
  return element(
    "header",
    {},
    element("h3", {}, name),
    element("p", { class: "hint" }, `asks ${chain.join(", then ")}`),
  );
}

function stalePanel(cascade) {
  const last = cascade.chain.at(-1);
  const why = `Not trusted: ${cascade.stale}. Until it is fitted again, ${last} answers every text.`;
  const node = element("article", { class: "cascade" }, heading(cascade));
  node.append(element("p", { class: "failed" }, why));
  return { node, update() {} };
}

/** A figure with its name; returns the place of its value. */
function expected(list, name) {
  const value = element("dd", {}, "–");
  list.append(element("div", {}, element("dt", {}, name), value));
  return value;
}

function fitted({ fit, promised }) {
  return (
    `Fitted on ${fit.n} texts: ${promised}, with ${percent(fit.confidence, 0)} confidence. ` +
    "Below the fitted threshold that does not hold."
  );
}

function underOverload({ accuracy_degraded: accuracy, chain, objective_ms: objective, overload }) {
  if (overload !== "answer") {
    return "Under overload it refuses: a request whose next model would be late gets 429.";
  }
  const within = objective === null ? "its deadline" : `${objective} ms`;
  return (
    `Under overload it answers: a text whose next model would not answer within ${within} keeps ` +
    `the answer that is there, marked as degraded. Where ${chain[0]} answers every text, ` +
    `${percent(accuracy)} are right.`
  );
}

/** Of a chain whose models but the first are asked for these shares of all texts. */
function costInWords(chain, shares, times) {
  const found = chain.map((name) => times(name));
  if (!found.every(Boolean)) return "Its cost shows once each of its models has answered a text.";
  const [first, ...later] = found.map((time) => time.median);
  const terms = later.map((time, hop) => `${percent(shares[hop])} × ${figures(time)}`);
  const sum = later.reduce((total, time, hop) => total + shares[hop] * time, first);
  return (
    `Expected time: ${[figures(first), ...terms].join(" + ")} = ${figures(sum)} ms a text, ` +
    `${percent(sum / later.at(-1), 0)} of ${chain.at(-1)} alone. Medians of the server’s total ` +
    `over the texts tried on this page (${Math.min(...found.map((time) => time.n))}).`
  );
}

/**
 * @param cascade one entry of `cascades` in the answer of `GET /models`
 * @param answers by model, what each said of the current text
 * @param times a model's median milliseconds on this page, and of how many texts
 */
export function cascadePanel(cascade, answers, times) {
  if (cascade.stale) return stalePanel(cascade);
  const { chain, fit, hops, name } = cascade;
  const [first, last] = [chain[0], chain.at(-1)];
  const curve = new Curve(cascade);
  const fittedStep = Math.round(curve.place * STEPS);
  let threshold = curve.fitted.threshold;

  const id = `threshold-${name}`;
  const slider = element("input", { id, type: "range", min: 0, max: STEPS, step: 1 });
  const shown = element("output", { for: id });
  const reset = element("button", { type: "button" }, "Back to the fitted threshold");
  const verdict = element("p", { class: "verdict" });
  const list = element("dl", { class: "expected" });
  // Without labels nobody knew what was right, and the last model's label stood in its place.
  const measured = fit.promise === "disagreement" ? `${last}’s label` : "accuracy";
  const accuracy = expected(list, `Expected ${measured}`);
  const share = expected(list, `Expected share for ${last}`);
  const cost = element("p", { class: "hint" });
  const controls = element(
    "div",
    { class: "controls" },
    element(
      "div",
      { class: "slider" },
      element("div", { class: "line" }, element("label", { for: id }, "Threshold"), shown),
      slider,
      element(
        "div",
        { class: "ends hint", "aria-hidden": "true" },
        element("span", {}, `${first} always`),
        element("span", {}, `${last} always`),
      ),
      reset,
    ),
    verdict,
  );
  const node = element("article", { class: "cascade" }, heading(cascade), controls);
  let drawing = null;
  if (curve.known) {
    drawing = draw(curve, { last });
    const legend = element("p", { class: "legend", "aria-hidden": "true" });
    for (const [kind, text] of [["now", "now"], ["fitted", "fitted"], ["alone", `${last} alone`]]) {
      legend.append(element("span", { class: kind }, text));
    }
    const title = element("p", { class: "hint" }, `Expected ${measured}, by the share that ${last} answers`);
    node.append(element("div", { class: "curve" }, title, drawing.svg, legend));
    controls.append(list, cost, element("p", { class: "hint" }, fitted(cascade)));
  } else {
    controls.append(element("p", { class: "hint" }, "No curve was stored with its fit."));
  }

  controls.append(element("p", { class: "hint" }, underOverload(cascade)));

  function verdictInWords() {
    // Hops that were fitted to one threshold move together, as they did in the fit.
    const thresholds = hops.map((hop) =>
      hop.threshold === curve.fitted.threshold ? threshold : hop.threshold,
    );
    const found = whoAnswers(chain, thresholds, answers);
    if (!found) return "Type a text to see who would answer it.";
    const sure = answers.get(first).confidence;
    const compared = `${first} is ${percent(sure)} sure`;
    return found.escalated
      ? `${compared}, which is not enough: ${found.name} would answer “${answerOf(found.answer)}”.`
      : `${compared}, which is enough: ${first} would answer “${answerOf(found.answer)}”.`;
  }

  function update() {
    const words = verdictInWords();
    const point = curve.at(threshold);
    say(verdict, words);
    say(shown, threshold.toFixed(4));
    reset.disabled = threshold === curve.fitted.threshold;
    let spoken = `${threshold.toFixed(4)}. ${words}`;
    if (point) {
      say(accuracy, percent(point.accuracy));
      say(share, percent(point.escalated));
      // The curve knows who reaches the last model; of those between, the fit alone does.
      const isFitted = threshold === curve.fitted.threshold;
      const shares = isFitted ? hops.map((hop) => hop.escalated) : [point.escalated];
      const isKnown = shares.length === hops.length;
      say(cost, isKnown ? costInWords(chain, shares, times) : "Its cost is known as it is fitted.");
      drawing.move(point);
      spoken += ` Expected ${measured} ${percent(point.accuracy)}.`;
    }
    slider.setAttribute("aria-valuetext", spoken);
  }

  slider.addEventListener("input", () => {
    const step = Number(slider.value);
    threshold = step === fittedStep ? curve.fitted.threshold : curve.threshold(step / STEPS);
    update();
  });
  reset.addEventListener("click", () => {
    slider.value = fittedStep;
    threshold = curve.fitted.threshold;
    update();
    slider.focus(); // the button that had it is disabled now
  });
  slider.value = fittedStep;
  update();
  return { node, update };
}
