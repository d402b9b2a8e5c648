"""An explicit-state model of handing out and collecting: every order of everything that can go wrong, searched through.

One chain (of one step, or of two), two workers, a broker that loses, repeats and reorders, a reaper that may take a
task back at any moment, workers that die or are merely slow, pause, resume, cancel, and a collector that dies between
its commit and its acknowledgement (so that a report is read again). Whoever wrote it, a report is applied if the guard
lets it pass. The search asks of every step whether it breaks a promise, and of every state whether the chain can still
end once the faults stop.

It finds that with no guard, and with one by state alone, a zombie wins: a worker that was given up on reports over its
successor. With the attempt as a guard nothing is broken. It finds, too, what goes with the attempt: the task has to be
with a site, else a repeated "failed, try again" is counted twice before the next hand-out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import pytest

from orchestrator.domain.cascade import Onward, broken_by, onward
from orchestrator.domain.task import TASK, TaskEvent, TaskState

EDGE = {(str(state), str(event)): str(target) for (state, event), target in TASK.edges.items()}
ENDED = {str(state) for state in TASK.terminal}


class Task(NamedTuple):
    """The row, and what goes with it; plain strings, since a search hashes its states a few million times."""

    state: str = "Pending"
    attempt: int = 0
    tries: int = 0
    out: bool = False  # with a site
    key: int = 0  # the hand-out key in the broker: the attempt that may be claimed, 0 = none
    applied: frozenset[int] = frozenset()  # attempts whose result was applied


class Sent(NamedTuple):
    """Under which attempt of which step: a message, a worker's work, or (with an event) a report."""

    step: int
    attempt: int
    event: str = ""


class World(NamedTuple):
    """One state of everything."""

    job: str  # Running, Pausing or Dequeuing
    tasks: tuple[Task, ...]
    messages: frozenset[Sent] = frozenset()
    workers: tuple[Sent, ...] = ()  # what the busy ones are at, sorted: they are alike
    reports: frozenset[Sent] = frozenset()


class Move(NamedTuple):
    """Something that can happen."""

    label: str
    after: World
    fair: bool = True  # it needs no fault and no person
    report: Sent | None = None  # the report that was applied


@dataclass(frozen=True)
class Model:
    """What can happen, under one guard, with or without a claim before work."""

    guard: str
    claim: bool
    steps: int = 1
    attempts: int = 3  # faults stop at the last one: it is neither lost nor reaped
    workers: int = 2
    reports: tuple[str, ...] = ("Finished", "AttemptFailed")  # what a worker may say

    def start(self) -> World:
        return World("Running", (Task(),) * self.steps)

    def moves(self, w: World) -> Iterator[Move]:
        """Everything that can happen next."""
        return chain(self._hub(w), self._people(w), self._carrying(w), self._working(w), self._collecting(w))

    def _hub(self, w: World) -> Iterator[Move]:
        for step, task in enumerate(w.tasks):
            before = w.tasks[step - 1].state if step else "Success"
            idle = task.state == "Pending" and not task.out
            if idle and w.job == "Running" and before == "Success" and task.attempt < self.attempts:
                sent = Sent(step, task.attempt + 1)
                handed = task._replace(attempt=sent.attempt, out=True, key=sent.attempt if self.claim else 0)
                yield Move(f"hand out {name(sent)}", put(w, step, handed)._replace(messages=w.messages | {sent}))
            if idle and w.job == "Dequeuing":
                yield Move(f"cancel step {step}", cascade(w, step, "CancelRequested"))
            if task.out and (task.attempt < self.attempts or w.job == "Dequeuing"):
                # It can not tell a dead worker from a slow one. The key stays: the broker may be out of its reach.
                lost = not any(sent[:2] == (step, task.attempt) for sent in (*w.messages, *w.workers, *w.reports))
                yield Move(f"reap {step}/{task.attempt}", self._take_back(w, step), fair=lost)

    def _people(self, w: World) -> Iterator[Move]:
        last_chance = any(task.out and task.attempt >= self.attempts for task in w.tasks)
        if w.job == "Running" and not last_chance:
            yield Move("pause", self._revoke(w._replace(job="Pausing")), fair=False)
        if w.job == "Pausing":
            yield Move("resume", w._replace(job="Running"))
        if w.job != "Dequeuing":
            yield Move("cancel", self._revoke(w._replace(job="Dequeuing")), fair=False)

    def _carrying(self, w: World) -> Iterator[Move]:
        for message in w.messages:
            gone = w._replace(messages=w.messages - {message})
            if not self._may_begin(w, message):
                yield Move(f"refuse {name(message)}", gone)
                continue
            if message.attempt < self.attempts:
                yield Move(f"lose message {name(message)}", gone, fair=False)
            if len(w.workers) < self.workers:
                task = w.tasks[message.step]._replace(key=0)
                for after, how in ((gone, ""), (w, ", and deliver it again")):
                    begun = put(after, message.step, task)._replace(workers=busy(w.workers, message))
                    yield Move(f"begin {name(message)}{how}", begun, fair=not how)

    def _working(self, w: World) -> Iterator[Move]:
        for work in set(w.workers):
            free = w._replace(workers=without(w.workers, work))
            if work.attempt < self.attempts:
                yield Move(f"worker of {name(work)} dies", free, fair=False)
            for event in self.reports:
                report = work._replace(event=event)
                yield Move(f"{event} {name(work)}", free._replace(reports=w.reports | {report}))
            task = w.tasks[work.step]
            if task.state == "Pending" and self._passes(task, work):
                yield Move(f"hear that {name(work)} began", put(w, work.step, fire(task, "Claimed")))

    def _collecting(self, w: World) -> Iterator[Move]:
        for report in w.reports:
            read = w._replace(reports=w.reports - {report})
            if not self._passes(w.tasks[report.step], report):
                yield Move(f"drop {name(report)} as late", read)
                continue
            if report.attempt < self.attempts:
                yield Move(f"lose report {name(report)}", read, fair=False)
            for after, how in ((read, ""), (w, ", and crash before the acknowledgement")):
                applied = self._apply(after, report)
                yield Move(f"collect {name(report)} {report.event}{how}", applied, not how, report)

    def _may_begin(self, w: World, message: Sent) -> bool:
        """The claim: the key is there and is this attempt's, and so is the job's permit."""
        return not self.claim or (w.tasks[message.step].key == message.attempt and w.job == "Running")

    def _passes(self, task: Task, report: Sent) -> bool:
        """The guard."""
        open_ = task.state not in ENDED
        return {
            "none": True,
            "state": open_ and task.out,
            "attempt": open_ and task.out and report.attempt == task.attempt,
            "attempt, wherever the task is": open_ and report.attempt == task.attempt,
        }[self.guard]

    def _apply(self, w: World, report: Sent) -> World:
        task = w.tasks[report.step]
        if task.state == "Pending":  # that it began was not heard, or not yet
            task = fire(task, "Claimed")
        event = report.event
        if event == "AttemptFailed" and (task.tries >= 1 or task.attempt >= self.attempts):
            event = "Crashed"
        if event == "AttemptFailed" and w.job == "Dequeuing":
            event = "Stopped"
        task = task._replace(
            state=EDGE.get((task.state, event)) or EDGE["Started", event],  # the second: no guard, it just overwrites
            tries=task.tries + (event == "AttemptFailed"),
            out=False,
            applied=task.applied | {report.attempt},
        )
        return follow(put(w, report.step, task), report.step)

    def _take_back(self, w: World, step: int) -> World:
        task = w.tasks[step]
        if w.job == "Dequeuing":
            return cascade(w, step, "Stopped" if task.state == "Started" else "CancelRequested")
        return put(w, step, fire(task, "Returned")._replace(out=False))

    def _revoke(self, w: World) -> World:
        """In one atomic step, take back what no worker has claimed."""
        for step, task in enumerate(w.tasks):
            if task.out and task.state == "Pending" and (task.key or not self.claim):
                w = put(w, step, fire(task, "Returned")._replace(out=False, key=0))
        return w


def name(sent: Sent) -> str:
    return f"{sent.step}/{sent.attempt}"


def put(w: World, step: int, task: Task) -> World:
    return w._replace(tasks=(*w.tasks[:step], task, *w.tasks[step + 1 :]))


def busy(workers: tuple[Sent, ...], work: Sent) -> tuple[Sent, ...]:
    return tuple(sorted((*workers, work)))


def without(workers: tuple[Sent, ...], work: Sent) -> tuple[Sent, ...]:
    at = workers.index(work)
    return (*workers[:at], *workers[at + 1 :])


def fire(task: Task, event: str) -> Task:
    """The table is asked; what it does not know is a KeyError, and the model is wrong."""
    return task._replace(state=EDGE[task.state, event])


def cascade(w: World, step: int, event: str) -> World:
    """End a task by this event, and what follows from it."""
    return follow(put(w, step, fire(w.tasks[step], event)._replace(out=False, key=0)), step)


def follow(w: World, step: int) -> World:
    """What the end of a task does to the next one."""
    state = w.tasks[step].state
    if state not in ENDED or step + 1 == len(w.tasks) or w.tasks[step + 1].state in ENDED:
        return w
    ended = TaskState(state)
    if onward(ended, passed=1) is Onward.CANCEL:
        return cascade(w, step + 1, str(broken_by(ended)))
    return w


def broken_promise(before: World, move: Move) -> str | None:
    """What this step breaks, if anything."""
    changed = before.tasks is not move.after.tasks
    for step, (old, new) in enumerate(zip(before.tasks, move.after.tasks, strict=True)) if changed else ():
        if old.state in ENDED and new.state != old.state:
            return "an end is left"
        if new.attempt > old.attempt and step and before.tasks[step - 1].state != "Success":
            return "a step is handed out before the one before it has ended"
    if move.report:
        task = before.tasks[move.report.step]
        if move.report.attempt in task.applied:
            return "a result counts twice"
        if move.report.attempt != task.attempt:
            return "a zombie wins"
    begun = len(move.after.workers) > len(before.workers)
    if begun and before.job != "Running":
        return "work begins though the job is paused or cancelled"
    return None


@dataclass
class Search:
    """What a search found: how many states, the shortest way to each broken promise, and states without an end."""

    states: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    stuck: list[list[str]] = field(default_factory=list[list[str]])


def search(model: Model, *, until: str | None = None) -> Search:
    """Go through every state, breadth first, or up to the first way to break one promise."""
    start = model.start()
    reached: dict[World, tuple[World, str] | None] = {start: None}
    fair_before: dict[World, list[World]] = {}
    found, look = Search(), deque([start])

    def trace(world: World) -> list[str]:
        labels: list[str] = []
        while (step := reached[world]) is not None:
            world, label = step
            labels.append(label)
        return labels[::-1]

    while look and (until is None or until not in found.broken):
        world = look.popleft()
        for move in model.moves(world):
            if broken := broken_promise(world, move):
                found.broken.setdefault(broken, [*trace(world), move.label])
            if move.after not in reached:
                reached[move.after] = (world, move.label)
                look.append(move.after)
            if move.fair and until is None:
                fair_before.setdefault(move.after, []).append(world)
    found.states = len(reached)
    if until is None:
        alive = {world for world in reached if all(task.state in ENDED for task in world.tasks)}
        back = list(alive)
        while back:
            new = [world for world in fair_before.get(back.pop(), ()) if world not in alive]
            alive.update(new)
            back += new
        found.stuck = [trace(world) for world in reached if world not in alive]
    return found


def show(model: str, broken: dict[str, list[str]]) -> None:
    """For ``pytest -s``: how each promise comes to be broken."""
    for promise, trace in broken.items():
        print(f"{model}: {promise}: {' > '.join(trace)}")  # noqa: T201 - the trace is what one runs it for


@pytest.mark.parametrize("claim", [False, True])
@pytest.mark.parametrize("guard", ["none", "state"])
def test_without_the_attempt_a_zombie_wins(guard: str, claim: bool) -> None:
    broken = search(Model(guard, claim), until="a zombie wins").broken
    show(f"guard {guard}, claim {claim}", broken)
    handed_out = [label for label in broken["a zombie wins"] if label.startswith("hand out")]
    assert handed_out == ["hand out 0/1", "hand out 0/2"]
    assert broken["a zombie wins"][-1].startswith("collect 0/1")


def test_without_any_guard_an_end_is_left() -> None:
    broken = search(Model("none", claim=True), until="an end is left").broken
    show("no guard", broken)
    assert broken["an end is left"][-1].startswith(("collect", "hear"))


def test_the_attempt_of_a_task_that_is_with_no_site_lets_a_repeat_count_twice() -> None:
    broken = search(Model("attempt, wherever the task is", claim=True), until="a result counts twice").broken
    show("attempt alone", broken)
    assert "crash before the acknowledgement" in " ".join(broken["a result counts twice"])


def test_without_a_claim_work_begins_after_pause_or_cancel() -> None:
    """And that is all: the record stays right, which is the fence's part."""
    found = search(Model("attempt", claim=False, attempts=2))
    show("no claim", found.broken)
    assert found.broken.keys() == {"work begins though the job is paused or cancelled"}
    assert found.stuck == []


@pytest.mark.parametrize(
    ("model", "least"),
    [
        pytest.param(Model("attempt", claim=True), 5_000, id="one step"),
        pytest.param(
            Model("attempt", claim=True, steps=2, attempts=2, reports=("Finished", "Crashed")), 5_000, id="two steps"
        ),
    ],
)
def test_with_the_attempt_nothing_is_broken_and_an_end_stays_in_reach(model: Model, least: int) -> None:
    found = search(model)
    assert found.broken == {}
    assert found.stuck == []
    assert found.states > least


@pytest.mark.parametrize("event", [TaskEvent.FINISHED, TaskEvent.ATTEMPT_FAILED, TaskEvent.CRASHED])
def test_the_events_of_the_model_are_those_of_the_table(event: TaskEvent) -> None:
    assert EDGE["Started", event.value] == TASK.fire(TaskState.STARTED, event)
