"""Random chains, outcomes, losses, repeats, pauses and cancels: jobs end, count right and agree with a model.

The hub here is no more than rows and the domain's functions; what the broker and the workers do is drawn by Hypothesis,
one move at a time. The model below it knows nothing of tasks, attempts or moves: it walks each path down its chain.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.domain.batch_job import BATCH_JOB, RUNNING, JobEvent, JobState
from orchestrator.domain.cascade import JobView, Onward, Tally, broken_by, ending, job_event, onward
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.domain.task import TASK, TaskEvent, TaskState

J, T, D = JobState, TaskState, DiscoveryState
CRASHES = 3


@dataclass(frozen=True)
class Step:
    """What will happen in one step of one chain: to each path, and how often the action raises before it works."""

    outcomes: tuple[str, ...]
    raises: int


@dataclass(frozen=True)
class Plan:
    """What a job will find and meet."""

    chains: tuple[tuple[Step, ...], ...]
    retries: int
    breaks: bool  # discovery breaks once it has found all of that


# --- the model: each path by itself ---------------------------------------------------------------------------


def expected_fates(chain: tuple[Step, ...], retries: int) -> list[str]:
    """What becomes of each path of a chain that nobody cancels."""
    fates: list[str] = ["" for _ in chain[0].outcomes]
    for step in chain:
        for path, fate in enumerate(fates):
            if fate:
                continue
            if step.raises > retries:
                fates[path] = "failed"
            elif step.outcomes[path] != "processed":
                fates[path] = step.outcomes[path]
    return [fate or "processed" for fate in fates]


def expected_states(chain: tuple[Step, ...], retries: int) -> list[str]:
    """How each task of a chain ends that nobody cancels."""
    states: list[str] = []
    left = set(range(len(chain[0].outcomes)))
    for step in chain:
        if "Failure" in states:
            states.append("Cancelled")
        elif not left:
            states.append("Skipped")
        elif step.raises > retries:
            states.append("Failure")
        else:
            bad = any(step.outcomes[path] in ("failed", "aborted") for path in left)
            states.append("Error" if bad else "Success")
            left = {path for path in left if step.outcomes[path] == "processed"}
    return states


# --- the hub: rows, and the domain's functions ------------------------------------------------------------------


@dataclass
class Task:
    """A row."""

    plan: Step
    state: TaskState = T.PENDING
    given: frozenset[int] | None = None  # None: the task before it has not ended
    outcomes: dict[int, str] = field(default_factory=dict[int, str])
    attempt: int = 0
    tries: int = 0
    crashes: int = 0
    out: bool = False

    def fire(self, event: TaskEvent) -> None:
        self.state = TASK.fire(self.state, event)
        self.out = self.out and self.state is T.STARTED

    @property
    def ended(self) -> bool:
        return self.state in TASK.terminal

    @property
    def left(self) -> frozenset[int]:
        return (self.given or frozenset()) - self.outcomes.keys()


@dataclass(frozen=True)
class Sent:
    """A message on its way to a worker, or (with what it says) a report on its way back."""

    chain: int
    step: int
    attempt: int
    handled: tuple[int, ...] = ()
    raised: bool = False


class Hub:
    """One job."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.job, self.discovery = BATCH_JOB.start[1], DISCOVERY.start[1]
        self.chains: list[list[Task]] = []
        self.messages: list[Sent] = []
        self.working: list[Sent] = []
        self.reports: list[Sent] = []
        self.paths: Counter[str] = Counter()
        self.found = self.late = 0

    def tasks(self) -> Iterator[tuple[int, int, Task]]:
        for c, chain in enumerate(self.chains):
            for s, task in enumerate(chain):
                yield c, s, task

    # What can happen next; ``fair`` leaves out what is a fault, or a person's wish.

    def moves(self, *, fair: bool) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = [*self._discovering(fair)]
        for c, s, task in self.tasks():
            if task.state is T.PENDING and not task.out and self.job is J.DEQUEUING:
                moves.append(lambda c=c, s=s: self.end(c, s, TaskEvent.CANCEL_REQUESTED))
            if task.state is T.PENDING and not task.out and task.given and self.job in RUNNING:
                moves.append(lambda c=c, s=s: self.hand_out(c, s))
            on_its_way = any((m.chain, m.step, m.attempt) == (c, s, task.attempt) for m in self.anywhere())
            if task.out and not (fair and on_its_way):
                moves.append(lambda c=c, s=s: self.take_back(c, s))
        moves += [lambda m=m: self.claim(m) for m in self.messages]
        for m in self.working:
            left = sorted(self.chains[m.chain][m.step].left)
            some = left if fair else left[: 1 + m.attempt % len(left)] if left else []
            moves.append(lambda m=m, some=some: self.report(m, some))
        moves += [lambda m=m: self.apply(m) for m in self.reports]
        if self.job in (J.PAUSING, J.PAUSED):
            moves.append(self.resume)
        if not fair:
            moves += [lambda m=m: self.messages.append(m) for m in self.messages[:1]]  # repeated
            moves += [lambda m=m: self.messages.remove(m) for m in self.messages[:1]]  # lost
            moves += [lambda m=m: self.reports.append(m) for m in self.reports[:1]]
            moves += [lambda m=m: self.reports.remove(m) for m in self.reports[:1]]
            moves += [lambda m=m: self.die(m) for m in self.working if self.current(m).crashes < CRASHES - 1]
        return moves

    def anywhere(self) -> list[Sent]:
        return self.messages + self.working + self.reports

    def _discovering(self, fair: bool) -> Iterator[Callable[[], None]]:
        active = self.job in RUNNING
        if self.discovery is D.WAITING and active:
            yield lambda: self.walk(DiscoveryEvent.BEGUN)
        if self.discovery is D.STOPPED and active:
            yield lambda: self.walk(DiscoveryEvent.REQUEUED)
        if self.discovery is D.RUNNING and (not fair or self.job is J.PAUSING):
            yield lambda: self.walk(DiscoveryEvent.HALTED)
        if self.discovery is D.RUNNING and self.found < len(self.plan.chains):
            yield self.find
        elif self.discovery is D.RUNNING:
            yield lambda: self.walk(DiscoveryEvent.BROKE if self.plan.breaks else DiscoveryEvent.EXHAUSTED)

    # The moves.

    def walk(self, event: DiscoveryEvent) -> None:
        self.discovery = DISCOVERY.fire(self.discovery, event)

    def find(self) -> None:
        steps = self.plan.chains[self.found]
        self.found += 1
        if self.job is J.DEQUEUING:
            return  # a batch that comes after cancel is dropped
        chain = [Task(step) for step in steps]
        chain[0].given = frozenset(range(len(steps[0].outcomes)))
        self.chains.append(chain)

    def hand_out(self, c: int, s: int) -> None:
        task = self.chains[c][s]
        task.attempt, task.out = task.attempt + 1, True
        self.messages.append(Sent(c, s, task.attempt))

    def current(self, sent: Sent) -> Task:
        return self.chains[sent.chain][sent.step]

    def passes(self, sent: Sent) -> bool:
        task = self.current(sent)
        return task.out and task.attempt == sent.attempt

    def claim(self, message: Sent) -> None:
        self.messages.remove(message)
        task = self.current(message)
        if self.passes(message) and task.state is T.PENDING and self.job in RUNNING:
            task.fire(TaskEvent.CLAIMED)
            self.working.append(message)
            if self.job is J.PENDING:
                self.job = BATCH_JOB.fire(self.job, JobEvent.TASK_STARTED)

    def report(self, work: Sent, handled: list[int]) -> None:
        self.working.remove(work)
        raised = self.current(work).tries < self.current(work).plan.raises
        self.reports.append(replace(work, handled=tuple(handled), raised=raised))

    def apply(self, report: Sent) -> None:
        self.reports.remove(report)
        task = self.current(report)
        if not self.passes(report):
            self.late += 1
            return
        assert task.state is T.STARTED
        if report.raised:
            if task.tries >= self.plan.retries:
                self.end(report.chain, report.step, TaskEvent.CRASHED)
            else:
                task.tries += 1
                self.again(report.chain, report.step, TaskEvent.ATTEMPT_FAILED)
            return
        task.outcomes |= {path: task.plan.outcomes[path] for path in report.handled}
        if task.left:
            self.again(report.chain, report.step, TaskEvent.PART_FINISHED)
        else:
            self.end(report.chain, report.step, ending(tally(task)))

    def die(self, work: Sent) -> None:
        self.working.remove(work)
        if self.passes(work):
            self.current(work).crashes += 1
            self.again(work.chain, work.step, TaskEvent.PROCESS_DIED)

    def take_back(self, c: int, s: int) -> None:
        self.again(c, s, TaskEvent.RETURNED)

    def again(self, c: int, s: int, event: TaskEvent) -> None:
        """Back to Pending; while the job is Dequeuing, what would return a task to Pending ends it instead."""
        task = self.chains[c][s]
        if self.job is not J.DEQUEUING:
            task.fire(event)
        else:
            self.end(c, s, TaskEvent.STOPPED if task.state is T.STARTED else TaskEvent.CANCEL_REQUESTED)

    def end(self, c: int, s: int, event: TaskEvent) -> None:
        """End a task, count its paths, and see to the rest of its chain."""
        chain, task = self.chains[c], self.chains[c][s]
        task.fire(event)
        given = task.given or frozenset[int]()
        passed = frozenset(path for path, outcome in task.outcomes.items() if outcome == "processed")
        onwards = onward(task.state, len(passed))
        if task.state is T.FAILURE:
            self.paths["failed"] += len(given)
        else:
            self.paths.update(outcome for outcome in task.outcomes.values() if outcome != "processed")
            last = s == len(chain) - 1
            self.paths["processed"] += len(passed) if last else 0
            if onwards is Onward.CANCEL:
                self.paths["cancelled"] += len(task.left) + (0 if last else len(passed))
        for later in chain[s + 1 :]:
            if onwards is Onward.ADVANCE:
                later.given = passed
                self.paths["cancelled"] += len(passed) if later.ended else 0
                return
            if not later.ended:
                later.fire(TaskEvent.NOTHING_LEFT if onwards is Onward.SKIP else broken_by(task.state))

    def pause(self) -> None:
        if self.job in RUNNING:
            self.job = BATCH_JOB.fire(self.job, JobEvent.PAUSE_REQUESTED)
            self.revoke()

    def resume(self) -> None:
        begun = any(task.attempt and (task.ended or task.state is T.STARTED) for _, _, task in self.tasks())
        self.job = BATCH_JOB.fire(self.job, JobEvent.RESUMED if begun else JobEvent.RESUMED_UNSTARTED)

    def cancel(self) -> None:
        if JobEvent.CANCEL_REQUESTED in BATCH_JOB.legal(self.job):
            self.job = BATCH_JOB.fire(self.job, JobEvent.CANCEL_REQUESTED)
            self.revoke()

    def revoke(self) -> None:
        for c, s, task in self.tasks():
            if task.out and task.state is T.PENDING:
                self.again(c, s, TaskEvent.RETURNED)

    def settle(self) -> None:
        """What is looked at after every move."""
        tasks = [task for _, _, task in self.tasks()]
        view = JobView(
            self.job,
            self.discovery,
            open_tasks=sum(not task.ended for task in tasks),
            out=sum(task.out for task in tasks),
            bad_tasks=sum(task.state in (T.ERROR, T.FAILURE) for task in tasks),
        )
        if event := job_event(view):
            self.job = BATCH_JOB.fire(self.job, event)
            assert not view.out, f"{self.job}, and a site is still at it"
            assert not (self.job is J.PAUSED and self.discovery is D.RUNNING)
            assert view.open_tasks == 0 or self.job is J.PAUSED


def tally(task: Task) -> Tally:
    counts = Counter(task.outcomes.values())
    return Tally(counts["processed"], counts["skipped"], counts["failed"], counts["aborted"])


# --- the properties -------------------------------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    outcome = st.sampled_from(["processed", "processed", "processed", "skipped", "failed", "aborted"])
    raises = st.sampled_from([0, 0, 0, 1, 2])
    chains: list[tuple[Step, ...]] = []
    for _ in range(draw(st.integers(0, 3))):
        paths, length = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        outcomes = st.lists(outcome, min_size=paths, max_size=paths).map(tuple)
        chains.append(tuple(Step(draw(outcomes), draw(raises)) for _ in range(length)))
    return Plan(tuple(chains), draw(st.integers(0, 1)), draw(st.booleans()))


PAUSE, CANCEL = -1, -2
CHOICES = st.lists(st.sampled_from([*range(30), PAUSE, PAUSE, PAUSE]), max_size=60)


def play(plan: Plan, choices: list[int]) -> Hub:
    """Make the moves that were drawn, then only fair ones until the job has ended; it has to, within a bound."""
    hub = Hub(plan)
    for choice in choices:
        if hub.job in BATCH_JOB.terminal:
            break
        moves = hub.moves(fair=False)
        move = hub.pause if choice == PAUSE else hub.cancel if choice == CANCEL else moves[choice % len(moves)]
        before = [(task, task.state) for _, _, task in hub.tasks() if task.ended]
        move()
        hub.settle()
        assert all(task.state is state for task, state in before), "an end was left"
    bound = 10 + len(hub.anywhere()) + sum(10 * len(chain) * (plan.retries + 2) for chain in plan.chains)
    while hub.job not in BATCH_JOB.terminal:
        assert bound, f"{hub.job} does not end"
        bound -= 1
        moves = hub.moves(fair=True)
        assert moves, f"{hub.job}: nothing can happen any more"
        moves[0]()
        hub.settle()
    return hub


@settings(max_examples=200, deadline=None)
@given(plans(), CHOICES)
@example(Plan((), 0, breaks=False), [])
def test_a_job_that_nobody_cancels_ends_as_the_model_says(plan: Plan, choices: list[int]) -> None:
    hub = play(plan, choices)
    fates = Counter(fate for chain in plan.chains for fate in expected_fates(chain, plan.retries))
    states = [expected_states(chain, plan.retries) for chain in plan.chains]
    assert [[str(task.state) for task in chain] for chain in hub.chains] == states
    assert +hub.paths == fates
    bad = any(state in ("Error", "Failure") for chain in states for state in chain)
    assert hub.job is (J.FAILURE if bad or plan.breaks else J.SUCCESS)
    assert hub.discovery is (D.BROKEN if plan.breaks else D.CLOSED)


@settings(max_examples=200, deadline=None)
@given(plans(), CHOICES, CHOICES)
def test_a_job_that_is_cancelled_ends_and_keeps_what_was_done(plan: Plan, early: list[int], late: list[int]) -> None:
    hub = play(plan, [*early, CANCEL, *late])
    found = plan.chains[: len(hub.chains)]
    fates = Counter(fate for chain in found for fate in expected_fates(chain, plan.retries))
    assert sum(hub.paths.values()) == sum(fates.values())
    assert all(hub.paths[fate] <= fates[fate] for fate in fates if fate != "cancelled")
    assert hub.paths["cancelled"] == 0 or hub.job is J.CANCELLED
    for chain, plan_of_chain in zip(hub.chains, found, strict=True):
        for task, state in zip(chain, expected_states(plan_of_chain, plan.retries), strict=True):
            assert task.ended
            assert str(task.state) in (state, "Cancelled")


@given(plans(), CHOICES)
def test_what_is_late_changes_nothing(plan: Plan, choices: list[int]) -> None:
    hub = play(plan, choices)
    before, late = [replace(task) for _, _, task in hub.tasks()], hub.late
    for c, s, task in list(hub.tasks()):
        for attempt in range(task.attempt + 1):
            for raised in (False, True):
                hub.reports.append(report := Sent(c, s, attempt, tuple(task.given or ()), raised))
                hub.apply(report)
    assert [task for _, _, task in hub.tasks()] == before
    assert hub.late == late + 2 * sum(task.attempt + 1 for task in before)


@pytest.mark.parametrize(
    ("ended", "passed", "expected"),
    [
        (T.SUCCESS, 3, "advance"),
        (T.SUCCESS, 0, "skip"),
        (T.ERROR, 3, "advance"),
        (T.ERROR, 0, "skip"),
        (T.SKIPPED, 0, "skip"),
        (T.FAILURE, 3, "cancel"),
        (T.FAILURE, 0, "cancel"),
        (T.CANCELLED, 3, "cancel"),
        (T.CANCELLED, 0, "cancel"),
    ],
)
def test_how_a_chain_goes_on(ended: TaskState, passed: int, expected: str) -> None:
    assert onward(ended, passed).value == expected


@given(st.builds(Tally, *[st.integers(0, 9)] * 4))
def test_a_task_ends_well_unless_a_path_failed_or_was_gone(counts: Tally) -> None:
    assert counts.given == counts.processed + counts.skipped + counts.failed + counts.aborted
    bad = counts.failed + counts.aborted > 0
    assert ending(counts) is (TaskEvent.FINISHED_WITH_ERRORS if bad else TaskEvent.FINISHED)


@given(st.sampled_from(J), st.sampled_from(D), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1))
def test_the_event_of_a_job_is_legal_and_due(
    job: JobState, discovery: DiscoveryState, open_tasks: int, out: int, bad: int
) -> None:
    event = job_event(JobView(job, discovery, open_tasks, min(out, open_tasks), bad))
    over = discovery in DISCOVERY.terminal and not open_tasks
    if event:
        assert event in BATCH_JOB.legal(job)
    if job in BATCH_JOB.terminal | {J.PAUSED}:
        assert event is None
    elif over and job is not J.DEQUEUING:
        assert event is (JobEvent.SOME_FAILED if bad or discovery is D.BROKEN else JobEvent.ALL_SUCCEEDED)
    elif job is J.DEQUEUING:
        assert (event is JobEvent.DRAINED) is not (open_tasks > 0)
    else:
        drained = job is J.PAUSING and not min(out, open_tasks) and discovery is not D.RUNNING
        assert event is (JobEvent.DRAINED if drained else None)
