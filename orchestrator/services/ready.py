"""Making tasks ready: what could be handed out now, or after a while.

The two are kept apart, so that no look for what can be handed out passes over what can not yet.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.domain.chain import STEP_MASK, step_of
from orchestrator.services.ask import Asked, ask
from orchestrator.services.chains import Plan
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in

CHUNK = 2000
"""Tasks that become due in one turn, at most: some tens of milliseconds."""


class Ready(NamedTuple):
    """A task whose turn has come."""

    task: int
    job: int
    rule: int
    after_s: float | None = None
    """Seconds from now before which it is not handed out."""


def make_ready(tx: Connection, tasks: Sequence[Ready], plan: Plan) -> None:
    """Let them be handed out, or ask people: at once, after a while, or, what waits for discovery, if it has ended."""
    at_once: list[tuple[str, str, str, int, int]] = []
    later: list[Ready] = []
    waiting: list[int] = []
    asked: list[Asked] = []
    for one in tasks:
        link = plan[one.job, one.rule][step_of(one.task)]
        if link.people is not None:
            asked.append(Asked(one.task, one.job, one.rule, link.people))
        elif one.after_s:
            later.append(one)
        elif link.waits:
            waiting.append(one.task)
        else:
            at_once.append((*link.place, one.job, one.task))
    if at_once:
        copy_in(tx, tables.ready, ("site", "queue", "function", "job_id", "task_id"), at_once)
    ask(tx, asked)
    if later:
        jobs, ids = [one.job for one in later], [one.task for one in later]
        tx.execute(_LATER, {"jobs": jobs, "ids": ids, "after": [one.after_s for one in later]})
    if waiting:
        tx.execute(_IF_CLOSED, {"ids": waiting, "mask": STEP_MASK})


_LATER = text("""
    insert into later (job_id, task_id, run_after)
    select u.job, u.id, clock_timestamp() + make_interval(secs => u.after)
    from unnest(cast(:jobs as bigint[]), cast(:ids as bigint[]), cast(:after as float8[])) as u(job, id, after)
""")

_IF_CLOSED = text("""
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, t.job_id, t.id
    from unnest(cast(:ids as bigint[])) as u(id)
    join tasks t on t.id = u.id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join discoveries d on d.job_id = t.job_id and d.state in ('Closed', 'Broken')
""")


def make_due(tx: Connection) -> bool:
    """What was to wait for a while and has is ready, some of it; whether there may be more."""
    return tx.execute(_DUE, {"most": CHUNK, "mask": STEP_MASK}).rowcount == CHUNK


_DUE = text("""
    with due as (
      delete from later using (
        select job_id, task_id from later where run_after <= statement_timestamp() order by run_after limit :most
      ) next
      where later.job_id = next.job_id and later.task_id = next.task_id
      returning later.job_id, later.task_id
    )
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, due.job_id, due.task_id
    from due join tasks t on t.id = due.task_id
    join job_steps s on s.job_id = due.job_id and s.rule = t.rule and s.step = (due.task_id & :mask)
""")


def release(tx: Connection, jobs: Iterable[int], plan: Plan) -> None:
    """Discovery of these jobs has ended: what waited for that is ready. Once a job, over its tasks of such steps."""
    waiting = {job for (job, _), links in plan.items() if any(link.waits for link in links)}
    if ended := sorted(waiting.intersection(jobs)):
        tx.execute(_RELEASE, {"jobs": ended, "mask": STEP_MASK})


_RELEASE = text("""
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, t.job_id, t.id
    from job_steps s
    join discoveries d on d.job_id = s.job_id and d.state in ('Closed', 'Broken')
    join tasks t on t.job_id = s.job_id and t.rule = s.rule and (t.id & :mask) = s.step
    where s.job_id = any(cast(:jobs as bigint[])) and s.waits and t.state = 'Pending' and t.given > 0 and t.attempt = 0
    on conflict do nothing
""")
