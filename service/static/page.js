// The playground: asks every model and every cascade about the text, as it is typed.

import { brokenCards, cardsOf } from "./answers.js";
import { isRefused, models, predict, useKey } from "./api.js";
import { cascadePanel } from "./cascades.js";
import { byId, element, median, say } from "./dom.js";
import { examplesFor, takesTwo } from "./inputs.js";
import { watch } from "./live.js";
import { spoken } from "./told.js";

const DEBOUNCE_MS = 250;
const KEPT_TIMES = 50;
const TICKS_A_LOOK = 5; // a look at the list of models for each so many looks at the figures
const text = byId("text");
const pair = byId("pair");
const answers = new Map(); // by model: its prediction for the current text
const seconds = new Map(); // by model: milliseconds that its answers took, the newest last
let listed = ""; // the list of models as it came, to see whether it changed
let cards = new Map();
let ready = new Set();
let cascades = new Set();
let panels = [];
let running = null;
let pending = null;

function times(name) {
  const taken = seconds.get(name);
  return taken ? { median: median(taken), n: taken.length } : null;
}

function keepTime(name, milliseconds) {
  const taken = seconds.get(name) ?? [];
  seconds.set(name, [...taken, milliseconds].slice(-KEPT_TIMES));
}

function updatePanels() {
  for (const panel of panels) panel.update();
}

function complain(error) {
  say(byId("problem"), error.message);
  if (isRefused()) byId("key-form").hidden = false;
}

/** Examples that suit the models there are, and a second box where one is of use. */
function offerInputs(serving) {
  const two = [...cards.values()].some((card) => takesTwo(card.kind));
  byId("pair-field").hidden = !two;
  if (!two) pair.value = "";
  byId("examples").replaceChildren(
    ...examplesFor(serving).map(([first, second = ""]) => {
      const words = second ? `${first} / ${second}` : first;
      const button = element("button", { type: "button" }, words);
      button.addEventListener("click", () => {
        text.value = first;
        pair.value = second;
        runSoon(0);
      });
      return button;
    }),
  );
}

/** Reads what there is, and lays the page out anew where that changed. */
async function look() {
  const list = await models();
  // That a model fell asleep is no news, or telling it would wake the model.
  const seen = JSON.stringify(list).replaceAll('"asleep"', '"ready"');
  if (seen === listed) return false;
  listed = seen;
  answers.clear();
  ({ cards, ready } = cardsOf(list));
  cascades = new Set(list.cascades.map((cascade) => cascade.name));
  panels = list.cascades.map((cascade) => cascadePanel(cascade, answers, times));
  byId("answers").replaceChildren(
    ...[...cards.values()].map((card) => card.node),
    ...brokenCards(list),
  );
  offerInputs(list.models.filter((model) => cards.has(model.name)));
  byId("cascades").replaceChildren(...panels.map((panel) => panel.node));
  byId("no-models").hidden = ready.size > 0;
  byId("no-cascades").hidden = cascades.size > 0;
  return true;
}

/** Asks one after the other: at once they would slow each other, and the times would lie. */
async function run() {
  running?.abort();
  const mine = (running = new AbortController());
  const [first, second] = [text.value, pair.value];
  answers.clear();
  if (!isRefused()) say(byId("problem"), "");
  if (!first.trim()) {
    for (const card of cards.values()) card.clear();
    say(byId("announcement"), "");
    updatePanels();
    return;
  }
  for (const card of cards.values()) card.wait();
  const said = [];
  for (const [name, card] of cards) {
    const inputs = card.inputs(first, second);
    if (!inputs) continue;
    try {
      const response = await predict(inputs, name, mine.signal);
      if (mine.signal.aborted) return;
      const [prediction] = response.predictions;
      card.answer(response, inputs);
      if (ready.has(name)) {
        answers.set(name, prediction);
        keepTime(name, response.timing_ms.total);
        said.push(`${name}: ${spoken(response.predictions)}`);
      } else {
        said.push(`${name}: answered by ${prediction.model}`);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      card.fail(error.message);
      complain(error);
      said.push(`${name}: no answer`);
      if (isRefused()) break;
    }
    updatePanels();
  }
  say(byId("announcement"), said.length ? `${said.join(". ")}.` : "Nothing was asked.");
}

function runSoon(wait) {
  clearTimeout(pending);
  running?.abort(); // what is under way answers a text that is no longer there
  pending = setTimeout(run, wait);
}

let ticks = 0;
let lost = false; // the list of models could not be read
async function tick() {
  if (isRefused() || ticks++ % TICKS_A_LOOK) return;
  try {
    if ((await look()) && text.value) runSoon(0);
    if (lost) say(byId("problem"), "");
    lost = false;
  } catch (error) {
    lost = true;
    complain(error);
  }
}

for (const box of [text, pair]) box.addEventListener("input", () => runSoon(DEBOUNCE_MS));
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(byId("key").value);
  say(byId("problem"), "");
  byId("key-form").hidden = true;
  text.focus();
  ticks = 0;
  tick().then(() => runSoon(0));
});

watch(() => cascades, tick);
