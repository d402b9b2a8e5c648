"""Making tasks ready: what could be handed out now, or after a while."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.domain.chain import STEP_MASK, step_of
from orchestrator.services.ask import Asked, ask
from orchestrator.services.chains import Plan
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in


class Ready(NamedTuple):
    """A task whose turn has come."""

    task: int
    job: int
    rule: int
    after_s: float | None = None
    """Seconds from now before which it is not handed out."""


def make_ready(tx: Connection, tasks: Sequence[Ready], plan: Plan) -> None:
    """Let them be handed out, or ask people; those that wait for the end of discovery only if it has ended."""
    at_once: list[tuple[str, str, str, int, int]] = []
    others: list[Ready] = []
    asked: list[Asked] = []
    for one in tasks:
        link = plan[one.job, one.rule][step_of(one.task)]
        if link.people is not None:
            asked.append(Asked(one.task, one.job, one.rule, link.people))
        elif one.after_s is None and not link.waits:
            at_once.append((*link.place, one.job, one.task))
        else:
            others.append(one)
    if at_once:
        copy_in(tx, tables.ready, ("site", "queue", "function", "job_id", "task_id"), at_once)
    ask(tx, asked)
    if others:
        values = {"ids": [one.task for one in others], "after": [one.after_s for one in others]}
        tx.execute(_READY, values | {"mask": STEP_MASK})


_READY = text("""
    insert into ready (site, queue, function, job_id, task_id, run_after)
    select s.site, s.queue, s.function, t.job_id, t.id, clock_timestamp() + make_interval(secs => u.after)
    from unnest(cast(:ids as bigint[]), cast(:after as float8[])) as u(id, after)
    join tasks t on t.id = u.id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join discoveries d on d.job_id = t.job_id
    where not s.waits or d.state in ('Closed', 'Broken')
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
