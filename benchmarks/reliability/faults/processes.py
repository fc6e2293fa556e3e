"""Processes that are killed and stopped."""

import signal
import time
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.reliability.agents.crew import agent
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.faults.common import (
    SLACK_SECONDS,
    Harm,
    Scene,
    Seen,
    conclude,
    health,
    under_load,
    until_true,
)
from benchmarks.reliability.load.orders import Clients
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service.process import Service, serving

WORKERS = 2
BETWEEN_KILLS = 10.0
REPLACED_SECONDS = 60.0
# What a killed worker had in hand is lost: it began shortly before, or reached a dying socket.
LOST_BEFORE, LOST_AFTER = 3.0, 0.5
KEEP_ALIVE_CLIENTS = 64
NOTICES_AFTER = (2.0, 4.5)  # seconds: the default notice of 5, less what requests take
# Zero, or what a shell or Python makes of a process that SIGTERM ended after all was done.
BY_SIGTERM = (0, 128 + signal.SIGTERM, 256 - signal.SIGTERM)
STOP_SECONDS = 40.0  # the default notice and drain, and some


def kill_worker(scene: Scene) -> Fault:
    """`kill -9` of one of two workers, again and again."""
    kills: list[float] = []

    def harm(service: Service) -> Harm:
        waits, missed = [], []
        ends = time.monotonic() + scene.seconds
        while not kills or time.monotonic() + BETWEEN_KILLS <= ends:
            before = {one.pid for one in service.workers()}
            if len(before) != WORKERS:
                missed.append(f"{len(before)} workers in place of {WORKERS}")
                break
            victim = service.workers()[len(kills) % WORKERS]
            kills.append(time.monotonic())
            victim.send_signal(signal.SIGKILL)
            gone = victim.pid

            def replaced(gone: int = gone) -> bool:
                pids = {one.pid for one in service.workers()}
                return len(pids) == WORKERS and gone not in pids

            if not until_true(replaced, REPLACED_SECONDS):
                missed.append("a killed worker was not replaced")
                break
            waits.append(time.monotonic() - kills[-1])
            time.sleep(max(0.0, min(ends, kills[-1] + BETWEEN_KILLS) - time.monotonic()))
        longest = f"{max(waits):.1f} s" if waits else "never"
        return Harm({"kills": str(len(kills)), "replaced within": longest}, tuple(missed))

    def check(seen: Seen) -> list[str]:
        found = []
        for name, recorder in (("load", seen.load), ("neighbour", seen.neighbour)):
            near = sum(
                recorder.tally(at - LOST_BEFORE, at + LOST_AFTER).of(Fate.LOST) for at in kills
            )
            if (apart := recorder.tally().of(Fate.LOST) - near) > 0:
                found.append(f"{name}: {apart} lost that no kill explains")
        return found

    return under_load(
        scene,
        "kill-worker",
        f"kill -9 of one of {WORKERS} workers every {BETWEEN_KILLS:.0f} s; "
        "what it had in hand is lost, no more",
        scene.launch({"STILLHOUSE_WORKERS": str(WORKERS)}),
        harm,
        frozenset({Fate.LOST}),
        check,
        may_log=True,
    )


def stop(scene: Scene) -> Fault:
    """SIGTERM to one of two instances, with clients that keep their connections.

    A connection that was refused is no loss: nothing was sent, and a balancer turns to another
    instance.
    """
    begun = time.monotonic()
    # The notice that is shipped, and no balancer that needs more.
    settings = dict(scene.launch().settings)
    del settings["STILLHOUSE_NOTICE_SECONDS"]
    core = scene.place.cores[-1]
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(serving(replace(scene.launch(), settings=settings)))
            for _ in range(2)
        )
        orders = [
            Clients(
                ports=(one.port, other.port),
                questions=str(papers),
                clients=clients,
                pause=pause,
                notices_after=NOTICES_AFTER,
                seed=seed,
                seconds=int(scene.seconds + 2 * scene.around + SLACK_SECONDS),
            )
            for papers, clients, pause, seed in (
                (scene.papers.mix, KEEP_ALIVE_CLIENTS, KEEP_ALIVE_CLIENTS / scene.rate, 1),
                (scene.papers.neighbour, 4, 0.08, 2),
            )
        ]
        load, near = (stack.enter_context(agent(order, core)) for order in orders)
        load.await_first()
        near.await_first()
        time.sleep(scene.around)
        since = time.monotonic()
        one.tell(signal.SIGTERM)
        status = one.wait(STOP_SECONDS)
        took = time.monotonic() - since
        time.sleep(max(0.0, scene.seconds - took))
        until = time.monotonic()
        time.sleep(scene.around)
        seen = Seen(load.stop(), near.stop(), since, until)
        missed = health(other)
        if status is None:
            missed.append(f"it had not ended {STOP_SECONDS:.0f} s after SIGTERM")
        elif status not in BY_SIGTERM:
            missed.append(f"it ended with status {status}")
        if count := one.tracebacks():
            missed.append(f"{count} tracebacks in the log of the one that stopped")
        errors = len(one.errors()) + len(other.errors())
    findings = {"ended after": f"{took:.1f} s", "errors logged": str(errors)}
    return conclude(
        "stop",
        f"SIGTERM to one of two instances, {KEEP_ALIVE_CLIENTS} clients that keep their "
        f"connections, behind a balancer that notices after {NOTICES_AFTER[0]:g} to "
        f"{NOTICES_AFTER[1]:g} s",
        seen,
        Harm(findings),
        missed,
        frozenset({Fate.UNREACHED}),
        begun,
    )
