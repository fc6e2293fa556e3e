"""Writes support tickets, made of templates, as a CSV with the columns text and label.

    python docs/tutorial/tickets.py tickets.csv --rows 3000
    python docs/tutorial/tickets.py more.csv --rows 6000 --seed 1 --unlabelled

The label is what the customer asks for. Some mention something else first that is no longer a
question: counting words alone is then not enough.
"""

import argparse
import csv
import random
from pathlib import Path

GREETINGS = ("", "", "Hello, ", "Hi there, ", "Good morning, ", "Dear team, ")
ENDINGS = ("", "", " Thanks!", " Please help.", " Can you look into it?", " Kind regards, {name}")
NAMES = ("Ana", "Ben", "Chidi", "Dora", "Emre", "Fatou", "Grace", "Hiro")
THINGS = ("lamp", "kettle", "chair", "bicycle", "camera", "tent", "keyboard", "rug")
DAYS = ("Monday", "Tuesday", "last week", "the 3rd", "yesterday", "two weeks ago")
ASKS = {
    "billing": (
        "my card was charged twice for the {thing}",
        "the invoice for order {number} shows the wrong amount",
        "I need a receipt for the {thing} that I paid for on {day}",
        "why is there a fee of {number} on my statement",
    ),
    "delivery": (
        "the {thing} has not arrived since {day}",
        "where is parcel {number}",
        "the courier left order {number} at the wrong door",
        "tracking for my {thing} has not moved since {day}",
    ),
    "account": (
        "I cannot sign in since {day}",
        "the reset link for my password does not work",
        "please change the email address of my account",
        "my profile still shows my old name",
    ),
    "returns": (
        "I want to send the {thing} back",
        "how do I return order {number}",
        "the {thing} is too small, may I exchange it",
        "I have not had my money back for the {thing} that I returned on {day}",
    ),
    "product": (
        "the {thing} makes a strange noise",
        "does the {thing} work without batteries",
        "the {thing} stopped working on {day}",
        "is there a manual for the {thing}",
    ),
}
SOLVED = (
    "last time I wrote that {other}, which is solved. Now {ask}.",
    "{ask}. It has nothing to do with my earlier mail, that {other}.",
    "I no longer mind that {other}, but {ask}.",
)


def ticket(chosen: random.Random) -> tuple[str, str]:
    """A text and its label."""
    label, beside = chosen.sample(sorted(ASKS), 2)
    ask, other = chosen.choice(ASKS[label]), chosen.choice(ASKS[beside])
    form = chosen.choice(SOLVED) if chosen.random() < 0.3 else "{ask}."
    text = chosen.choice(GREETINGS) + form.format(ask=ask, other=other) + chosen.choice(ENDINGS)
    filled = text.format(
        thing=chosen.choice(THINGS),
        day=chosen.choice(DAYS),
        number=chosen.randint(100, 9999),
        name=chosen.choice(NAMES),
    )
    return filled[0].upper() + filled[1:], label


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description="Writes made-up support tickets as CSV.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unlabelled", action="store_true", help="texts alone")
    given = parser.parse_args()
    chosen = random.Random(given.seed)
    rows: dict[str, str] = {}
    while len(rows) < given.rows:
        text, label = ticket(chosen)
        rows.setdefault(text, label)
    with given.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = 1 if given.unlabelled else 2
        writer.writerow(("text", "label")[:columns])
        writer.writerows(row[:columns] for row in rows.items())


if __name__ == "__main__":
    main()
