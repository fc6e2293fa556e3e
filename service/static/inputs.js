// What each kind of model is asked: one text, a pair, or two texts to compare; and examples.

/** @param model an entry of `models` in the answer of `GET /models` */
export function kindOf({ task, pairs, labels }) {
  if (task === "feature-extraction") return "embedder";
  if (task === "token-classification") return "tagger";
  if (!pairs) return "classifier";
  return labels.length === 1 ? "ranker" : "pairs";
}

/** Whether a second text is of use to it. */
export const takesTwo = (kind) => ["embedder", "pairs", "ranker"].includes(kind);

/** The inputs of its request; null: it cannot be asked without a second text. */
export function inputsOf(kind, first, second) {
  const both = second.trim() !== "";
  if (kind === "embedder") return both ? [first, second] : [first];
  if (kind !== "pairs" && kind !== "ranker") return [first];
  return both ? [{ text: first, text_pair: second }] : null;
}

const OPINIONS = [
  ["A good film, moving and funny."],
  ["Two hours that I will not get back."],
  ["Not without charm, but it never quite works."],
  ["So bad that it is good again."],
];
const OF_KIND = {
  classifier: [
    ["Where can I see when the next train leaves?"],
    ["I was charged twice for the same order."],
    ["Thank you, that was quick!"],
  ],
  tagger: [
    ["Ada Lovelace wrote to Charles Babbage in London in 1843."],
    ["The ferry 🚢 from Oslo to Kiel was late, says Søren of Hansen Lines."],
  ],
  pairs: [
    ["A man plays the guitar on a stage.", "Somebody makes music."],
    ["A man plays the guitar on a stage.", "Nobody is on the stage."],
    ["How do I change my password?", "Where can I set a new password?"],
  ],
  ranker: [
    ["how long does an egg boil", "A soft egg takes six minutes in boiling water."],
    ["how long does an egg boil", "The egg of an ostrich weighs over a kilogram."],
  ],
  embedder: [
    ["I cannot log in any more.", "My password is not accepted."],
    ["I cannot log in any more.", "The soup was cold."],
  ],
};
const OF_OPINIONS = /^(very |somewhat )?(positive|negative|neutral)$|stars?$/i;
const MOST = 6;

/** Texts to try, as lists of one or two, that suit the models there are: a few of each kind. */
export function examplesFor(models) {
  const sets = new Map();
  for (const model of models) {
    const kind = kindOf(model);
    const opinions = kind === "classifier" && model.labels.some((one) => OF_OPINIONS.test(one));
    sets.set(opinions ? "opinions" : kind, opinions ? OPINIONS : OF_KIND[kind]);
  }
  const each = Math.max(1, Math.floor(MOST / Math.max(1, sets.size)));
  return [...sets.values()].flatMap((examples) => examples.slice(0, each));
}
