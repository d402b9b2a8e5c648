"""One trial: load, monkey and watch together on a stack that runs, then peace, and the reckoning."""

import bisect
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.chaos.faults import FAULTS, Fault
from orchestrator.chaos.load import SECONDS_A_JOB, STEPS, WORKFLOW, Load, Runs, make_files, workflow
from orchestrator.chaos.monkey import Injected, Monkey
from orchestrator.chaos.report import Report
from orchestrator.chaos.target import Target
from orchestrator.chaos.watch import Watch
from orchestrator.services.control import GRACE_S as STOP_GRACE_S
from orchestrator.services.lease import LEASE_S
from orchestrator.services.unclaimed import PATIENCE_S
from orchestrator.stack.supervise import LONGEST_DELAY

START_S = 30.0
"""What the parts of a stack that were killed need to start again, at most; on a loaded machine."""
SLOWER = 5.0
"""A machine that does all of this at once is so many times slower than one that only works."""


def trial(
    target: Target,
    files: Path,
    ran: Path,
    *,
    seconds: float,
    seed: int,
    jobs: int,
    faults: Mapping[str, tuple[int, Fault]] = FAULTS,
    tell: Callable[[Injected], None] = lambda _injected: None,
) -> Report:
    """Break the stack under load for so long, let it come to rest, and say what came of it.

    Its sites have the action of ``load.ACTIONS`` and may read ``files``, an empty folder; ``ran`` is where it is noted
    what was run. Everything in the stack's database is looked at.
    """
    make_files(files)
    target.client.apply_workflow(WORKFLOW, workflow(ran))
    load, watch, monkey = Load(target, files, jobs), Watch(target), Monkey(target, seed, faults, tell)
    load.start()
    watch.start()
    try:
        monkey.run(seconds)
    finally:
        load.stop()
    bound = bound_s(target)
    peace = time.monotonic()
    unended = _await_end(target, peace + bound)
    took = time.monotonic() - peace
    watch.stop()
    watch.look(settled=True)
    return _reckon(target, load, watch, monkey, Runs.read(ran), (seed, seconds, bound, took), unended)


_GOING = text("select id from jobs where ended_at is null order by id")


def bound_s(target: Target) -> float:
    """Within how many seconds from now every job has to end, if nothing more is broken.

    Whatever was broken is started again; every step may have to wait for one more lease, or what runs of a cancelled
    job for its grace; then there is the work that is left.
    """
    with _persistent(target) as tx:
        going = len(tx.execute(_GOING).all())
    waits = max(STEPS * (LEASE_S + PATIENCE_S), STOP_GRACE_S + LEASE_S)
    return LONGEST_DELAY + START_S + waits + SLOWER * going * SECONDS_A_JOB


def _persistent(target: Target) -> Connection:
    """A connection, as soon as the database is there again."""
    deadline = time.monotonic() + LONGEST_DELAY + START_S
    while True:
        try:
            return target.engine.connect()
        except SQLAlchemyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _await_end(target: Target, deadline: float) -> list[int]:
    """Wait until every job has ended; those that have not by then."""
    while True:
        with _persistent(target) as tx:
            going = list(tx.execute(_GOING).scalars())
        if not going or time.monotonic() > deadline:
            return going
        time.sleep(0.2)


_ENDS = text("""
    select extract(epoch from ended_at)::float8 from tasks
    where state in ('Success', 'Error', 'Failure') order by ended_at
""")
_PROCESSED = text("select id, processed from tasks where processed > 0")
_STATES = text("select state, count(*) from jobs group by state order by state")
_PATHS = text("""
    select coalesce(sum(total), 0) as total, coalesce(sum(processed), 0) as processed,
      coalesce(sum(skipped), 0) as skipped, coalesce(sum(failed), 0) as failed,
      coalesce(sum(aborted), 0) as aborted, coalesce(sum(cancelled), 0) as cancelled from progress
""")
_ANSWERED = text("""
    select u.id from unnest(cast(:jobs as bigint[])) as u(id) where not exists (select from jobs where id = u.id)
""")


def _reckon(
    target: Target,
    load: Load,
    watch: Watch,
    monkey: Monkey,
    runs: Runs,
    said: tuple[int, float, float, float],
    unended: Sequence[int],
) -> Report:
    seed, seconds, bound, took = said
    with _persistent(target) as tx:
        ends = list(tx.execute(_ENDS).scalars())
        unrun = runs.unrun((row.id, row.processed) for row in tx.execute(_PROCESSED))
        states = {row[0]: row[1] for row in tx.execute(_STATES)}
        paths = {name: int(n) for name, n in tx.execute(_PATHS).mappings().one().items()}
        lost = list(tx.execute(_ANSWERED, {"jobs": load.submitted}).scalars())
    wrong = list(watch.violations)
    wrong += [
        f"I7: an attempt is run once: attempt {run.attempt} of task {run.task} ran a path twice" for run in runs.twice()
    ]
    wrong += [f"I5: what is processed was run: task {task} has processed more paths than were run" for task in unrun]
    wrong += [f"I18: what was answered survives: job {job} was answered, and is not there" for job in lost]
    if len(set(load.submitted)) < len(load.submitted):
        wrong.append("I18: one key is one job: two keys were answered with the same job")
    return Report(
        seed=seed,
        seconds=seconds,
        faults=monkey.counts,
        recoveries=recoveries(monkey.injected, ends),
        checks=watch.checks,
        unanswered=watch.unanswered,
        violations=wrong,
        jobs=states,
        unended=unended,
        bound_s=bound,
        ended_after_s=took,
        tasks=len(ends),
        paths=paths,
        runs=runs.each.total(),
        repeated=runs.repeated,
    )


def recoveries(injected: Sequence[Injected], ends: Sequence[float]) -> list[tuple[str, float]]:
    """Each fault, with the seconds from it to the next of these ends, which are in order; none when there is none."""
    found: list[tuple[str, float]] = []
    for one in injected:
        place = bisect.bisect_right(ends, one.at)
        if place < len(ends):
            found.append((one.name, ends[place] - one.at))
    return found
