"""For Locust's own command and page: users that ask a model each, and open loops.

`locust -f loadtest/locustfile.py --host http://127.0.0.1:8000 --class-picker`, in the
environment where the package is installed; with `--master` and `--worker` on many machines. The
key is taken from STILLHOUSE_API_KEY. Reports and searches are `stillhouse loadtest`'s.
"""

import itertools
import random
import time
from typing import ClassVar

from gevent.pool import Pool  # type: ignore[import-untyped]  # it ships none
from locust import task

from loadtest.generator.jobs import sleep_until
from loadtest.generator.users import PredictUser
from loadtest.load import MOST_ON_THEIR_WAY, Batch, Closed, Content, Load, Target
from loadtest.traffic.questions import Traffic
from loadtest.traffic.texts import load_texts

SEED = 20


def new_traffic(*targets: Target, batches: tuple[Batch, ...] = (Batch(1),)) -> Traffic:
    """Requests for these, with the built-in sentences."""
    load = Load("page", "page", "", targets, Closed(1), 1, 0, SEED, Content(), batches)
    return Traffic(load, load_texts(load.content, SEED))


class PageUser(PredictUser):
    """Asks for one prediction after another: a closed loop, with no pause for thought."""

    abstract = True
    traffic: ClassVar[Traffic]
    numbers: ClassVar = itertools.count()

    def on_start(self) -> None:
        """Seeds this user's choices."""
        self.random = random.Random(f"{SEED}/{next(self.numbers)}")  # noqa: S311  # no secret

    @task
    def predict(self) -> None:
        """One request."""
        self.ask(self.traffic.draw(self.random))


class TeacherUser(PageUser):
    """Asks the teacher."""

    traffic = new_traffic(Target("teacher", ("teacher",)))


class StudentUser(PageUser):
    """Asks the student."""

    traffic = new_traffic(Target("student", ("student",)))


class AutoUser(PageUser):
    """Asks the cascade."""

    traffic = new_traffic(Target("auto"))


class MixUser(PageUser):
    """Asks the student mostly, the teacher sometimes, and sometimes about several texts."""

    traffic = new_traffic(
        Target("student", ("student",), 0.8),
        Target("teacher", ("teacher",), 0.2),
        batches=(Batch(1, 0.9), Batch(8, 0.1)),
    )


class OpenUser(PageUser):
    """An open loop: every user stands for one request a second, at Poisson times.

    So the number of users is the offered load, and Locust's ramps and shapes are its profile.
    Times are counted from when a request was due.
    """

    traffic = new_traffic(Target("auto"))
    on_their_way: ClassVar = Pool(MOST_ON_THEIR_WAY)
    due: float | None = None

    @task
    def predict(self) -> None:
        """Waits until the next request is due, and sends it; another waits for its answer."""
        last = time.monotonic() if self.due is None else self.due
        self.due = last + self.random.expovariate(1.0)
        sleep_until(self.due)
        self.on_their_way.spawn(self.ask, self.traffic.draw(self.random), self.due)
