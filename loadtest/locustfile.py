"""Locust users that ask the service for predictions: one class a model, and a mix of them.

Knows the wire form of `POST /predict`; how answers are timed and reported it does not know.
It needs nothing but its sentences, so it also works alone, with Locust's web page:
`locust -f loadtest/locustfile.py --host http://127.0.0.1:8000 --class-picker`.
"""

import itertools
import json
import random
from pathlib import Path
from typing import ClassVar

from locust import FastHttpUser, task

SENTENCES = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()
MOST_TEXTS = 8  # in one request of the mix


class PredictUser(FastHttpUser):
    """Asks for one prediction after another: a closed loop, with no pause for thought.

    Each user draws from a generator of its own, so what the n-th user sends does not hang on
    how fast the others are.
    """

    abstract = True
    network_timeout = 30.0
    connection_timeout = 5.0
    seed: ClassVar = 20
    numbers: ClassVar = itertools.count()

    def on_start(self) -> None:
        """Seeds this user's choices."""
        self.random = random.Random(f"{self.seed}/{next(self.numbers)}")  # noqa: S311  # no secret

    def ask(self, inputs: str | list[str], model: str, name: str) -> None:
        """Posts one request, and marks it as failed unless `model` answered every text.

        Args:
            inputs: one text, or several.
            model: who is to answer.
            name: what Locust's statistics call the request.
        """
        with self.client.post(
            "/predict",
            json={"inputs": inputs, "model": model},
            name=name,
            catch_response=True,
            allow_redirects=False,
        ) as response:
            if response.status_code not in (0, 200):
                response.failure(f"status {response.status_code}")
            elif response.request_meta["exception"] is None:  # else Locust names what broke
                expected = 1 if isinstance(inputs, str) else len(inputs)
                problem = find_problem(response.content, model, expected)
                if problem is not None:
                    response.failure(problem)


class OneModelUser(PredictUser):
    """Asks one model about one text at a time."""

    abstract = True
    model = ""

    @task
    def predict(self) -> None:
        """Asks about one sentence."""
        self.ask(self.random.choice(SENTENCES), self.model, self.model)


class TeacherUser(OneModelUser):
    """Asks the teacher."""

    model = "teacher"


class StudentUser(OneModelUser):
    """Asks the student."""

    model = "student"


class MixUser(PredictUser):
    """Asks the student mostly, the teacher sometimes, and sometimes about several texts."""

    @task
    def predict(self) -> None:
        """Of ten requests, seven are for the student, two for the teacher, one has many texts."""
        kind = self.random.choices(("student", "teacher", "texts"), (7, 2, 1))[0]
        if kind == "texts":
            texts = self.random.sample(SENTENCES, self.random.randint(2, MOST_TEXTS))
            self.ask(texts, "student", "mix: student, several texts")
        else:
            self.ask(self.random.choice(SENTENCES), kind, f"mix: {kind}")


def user_class(model: str) -> type[PredictUser]:
    """The users of a model, or of the `mix`; a class is made for a model that has none."""
    known = {"teacher": TeacherUser, "student": StudentUser, "mix": MixUser}
    return known.get(model) or type("NamedUser", (OneModelUser,), {"model": model})


def find_problem(body: bytes | None, model: str, expected: int) -> str | None:
    """What is wrong with the body of a 200: None when `model` made `expected` predictions."""
    try:
        models = [prediction["model"] for prediction in json.loads(body or b"")["predictions"]]
    except (ValueError, LookupError, TypeError):
        return "status 200 without predictions"
    if len(models) != expected:
        return "status 200 with too few or too many predictions"
    if any(answered_by != model for answered_by in models):
        return "status 200 answered by another model"
    return None
