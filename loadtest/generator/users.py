"""Locust users that ask the service for predictions, in a closed loop or an open one.

Know the wire form of `POST /predict`; how answers are counted and reported they do not know:
they fire Locust's `request` event, its times counted from when a request was to be sent.
"""

import os
import time
from typing import Any, ClassVar

from gevent.pool import Pool  # type: ignore[import-untyped]  # it ships none
from locust import FastHttpUser, task

from loadtest.generator.jobs import Job, Station, sleep_until
from loadtest.load import KEY_VARIABLE, MOST_ON_THEIR_WAY, Open
from loadtest.traffic.questions import Answer, Question, read_answer

NOT_SENT = f"not sent: {MOST_ON_THEIR_WAY} requests of a process were waiting already"


class NotSent(Exception):
    """An arrival that found no place until the run was over."""


def key_headers() -> dict[str, str]:
    """The headers that show the key, if there is one; it comes from the environment alone."""
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}


class PredictUser(FastHttpUser):
    """Asks for predictions."""

    abstract = True
    network_timeout = 35.0  # the service's own deadline is 30 s
    connection_timeout = 5.0
    concurrency = MOST_ON_THEIR_WAY

    def __init__(self, environment: Any) -> None:
        self.default_headers = key_headers()
        super().__init__(environment)
        # Once for all: `allow_redirects` of one request would change it for those beside it.
        self.client.client.redirect_response_codes = frozenset()  # type: ignore[misc]

    def ask(self, question: Question, due: float | None = None) -> None:
        """Posts one request, and marks it as failed unless the right models answer every text.

        Args:
            due: when it was to be sent, on the clock of `time.monotonic`; None: now. Its time
                is counted from there.
        """
        now = time.monotonic()
        began = now if due is None else due
        context: dict[str, Any] = {"question": question, "began": began}
        with self.client.post(
            "/predict",
            json=question.body,
            name=question.name,
            catch_response=True,
            context=context,
        ) as response:
            meta = response.request_meta
            meta["start_time"] -= now - began
            meta["response_time"] += (now - began) * 1000
            if response.status_code not in (0, 200):
                response.failure(f"status {response.status_code}")
            elif meta["exception"] is None:  # else Locust names what broke
                answer = read_answer(response.content, question)
                if isinstance(answer, Answer):
                    meta["context"]["answer"] = answer
                else:
                    response.failure(answer)

    def give_up(self, question: Question, due: float) -> None:
        """Counts a request that was not sent as failed, with the time that it has waited."""
        waited = time.monotonic() - due
        self.environment.events.request.fire(
            request_type="POST",
            name=question.name,
            response_time=waited * 1000,
            response_length=0,
            response=None,
            context={"question": question, "began": due},
            exception=NotSent(NOT_SENT),
            start_time=time.time() - waited,
            url=f"{self.host}/predict",
        )


class StationUser(PredictUser):
    """Takes part in the runs of its process's station: one after the other.

    Every user draws from a generator of its own, so what the n-th user sends does not hang on
    how fast the others are.
    """

    abstract = True
    station: ClassVar[Station]

    def on_start(self) -> None:
        """Takes a number."""
        self.number = self.station.next_number()
        self.job: Job | None = None

    @task
    def work(self) -> None:
        """Waits for the next run, and does this user's part of it."""
        self.job = job = self.station.next_job(self.job)
        if not job.has_part_for(self.number):
            return
        try:
            if isinstance(job.load.pace, Open):
                self.follow_schedule(job)
            else:
                self.ask_in_turn(job)
        finally:
            job.leave()

    def ask_in_turn(self, job: Job) -> None:
        """A closed loop: asks again when it has the answer, with no pause for thought."""
        chance = job.chance(self.number)
        while time.monotonic() < job.ends:
            self.ask(job.traffic.draw(chance))

    def follow_schedule(self, job: Job) -> None:
        """An open loop: sends each request when it is due, whether others are answered or not."""
        chance = job.chance(self.number)
        on_their_way = Pool(MOST_ON_THEIR_WAY)
        for due in job.due_times():
            question = job.traffic.draw(chance)
            sleep_until(due)
            if on_their_way.full():
                job.recorder.add_held(due)
                on_their_way.wait_available(timeout=max(0.0, job.ends - time.monotonic()))
                if on_their_way.full():
                    self.give_up(question, due)
                    continue
            else:
                job.recorder.add_lag(due, time.monotonic())
            on_their_way.spawn(self.ask, question, due)
        on_their_way.join()
