"""Worklists: what waits for a person, over all kinds of jobs, the most urgent first.

Two streams in one order are merged: jobs that are somebody's, and tasks of manual steps. Of these the jobs that have
some are found by skipping through an index, and of each job no more is read than fits on the page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, TextClause, text

from orchestrator.contracts import views
from orchestrator.domain.batch_job import RUNNING
from orchestrator.domain.chain import STEP_MASK
from orchestrator.domain.edit_job import WORKABLE
from orchestrator.domain.people import Person
from orchestrator.domain.roles import Role
from orchestrator.domain.task_group import TaskStatus
from orchestrator.storage.queries.asked import task_events
from orchestrator.storage.queries.holds import halted
from orchestrator.storage.queries.keyset import decode, encode
from orchestrator.storage.queries.legal import legal_events, read_facts
from orchestrator.storage.tables.columns import quoted

_JOBS_AT_ONCE = 100
_WORKABLE = (TaskStatus.READY, TaskStatus.WORKING, *sorted(WORKABLE))
"""The states in which a job waits for the person whose it is, or may become."""

_Place = tuple[int, int, int, int]
"""Where something stands: priority (the highest first), when it is due, its job, its task (0: the job itself)."""


class _Item(NamedTuple):
    place: _Place
    view: views.WorklistItem


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose worklist: the person's own, that of one ``group``, or ``all`` that waits for anybody."""

    person: Person
    group: str | None = None
    all: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """For the queries below."""
        groups = None if self.all else [self.group] if self.group is not None else sorted(self.person.groups)
        mine = self.group is None
        nobodys = [""] if mine else []
        reviews = mine and Role.REVIEWER in self.person.roles
        return {
            "me": self.person.name, "mine": mine, "all": self.all, "groups": groups, "nobodys": nobodys,
            "reviews": reviews,
        }  # fmt: skip


def list_worklist(
    tx: Connection, wanted: Wanted, limit: int, cursor: str | None = None
) -> views.Page[views.WorklistItem]:
    """The highest priority first, then what is due first."""
    after = (-1, 0, 0, 0) if cursor is None else tuple(decode(cursor, "worklist", int, int, int, int))
    found = merge(
        _people_jobs(tx, wanted, after, limit + 1),
        _manual_tasks(tx, wanted, after, limit + 1),
        key=lambda item: item[0],
    )
    items = list(islice(found, limit + 1))
    more = len(items) > limit
    return views.Page[views.WorklistItem](
        items=[item.view for item in items[:limit]],
        next_cursor=encode("worklist", items[limit - 1].place) if more else None,
    )


_ORDER = """
    9 - j.priority as urgency,
    coalesce((extract(epoch from j.due_at) * 1000000)::bigint, 9223372036854775807) as due,
    coalesce(j.due_at < clock_timestamp(), false) as overdue
"""

# One's own are few, and found by the indexes of their columns; all that waits for anybody, by its own.
_PEOPLE_JOBS = text(f"""
    with j as (
      select j.*, e.planned_start, {_ORDER},
        coalesce(e.planned_start < clock_timestamp(), false) and j.started_at is null as start_overdue
      from jobs j left join group_tasks g on g.job_id = j.id left join edit_jobs e on e.job_id = j.id
      where j.kind <> 'batch' and j.ended_at is null and j.pruned_at is null and j.state in ({quoted(_WORKABLE)})
        and g.run is null and (
          :all
          or (:reviews and j.kind = 'review' and j.assignee is null and j.assigned_group is null
            and (j.claimed_by is null or j.claimed_by = :me))
          or (:mine and (j.claimed_by = :me or (j.assignee = :me and j.claimed_by is null)))
          or (j.assigned_group = any(cast(:groups as text[]))
            and (not :mine or (j.claimed_by is null and j.assignee is null)))
        )
    )
    select * from j where (urgency, due, id) > (:urgency, :due, :job) order by urgency, due, id limit :most
""")  # noqa: S608 - our own words


def _people_jobs(tx: Connection, wanted: Wanted, after: Sequence[int], most: int) -> Iterator[_Item]:
    """Jobs of people that can be worked on; a place behind a task of its job is behind the job itself."""
    urgency, due, job, _ = after
    asked = {"urgency": urgency, "due": due, "job": job, "most": most}
    rows = tx.execute(_PEOPLE_JOBS, wanted.asked | asked).all()
    stopped, facts = halted(tx, rows), read_facts(tx, rows)
    for row in rows:
        view = views.WorklistItem(
            **_of_job(row),
            task_id=None,
            name=row.name,
            state=row.state,
            due_at=row.due_at,
            overdue=row.overdue,
            planned_start=row.planned_start,
            start_overdue=row.start_overdue,
            group=row.assigned_group,
            assignee=row.claimed_by or row.assignee,
            claim_until=None,
            paths=None,
            held=row.id in stopped,
            legal_events=legal_events(wanted.person, row, facts, held=row.id in stopped),
        )
        yield _Item((row.urgency, row.due, row.id, 0), view)


# The jobs are found by skipping from one to the next through an index, whatever waits in each of them.
_FOUND_BY_GROUP = """
    select g.name, next.job_id from unnest(cast(:groups as text[]) || cast(:nobodys as text[])) as g(name)
    cross join lateral (
      select a.job_id from asks a where a.group_name = g.name order by a.job_id limit 1) next
    union all
    select found.name, next.job_id from found cross join lateral (
      select a.job_id from asks a where a.group_name = found.name and a.job_id > found.job_id
      order by a.job_id limit 1) next
"""
_FOUND = """
    select null::text as name, next.job_id from (select a.job_id from asks a order by a.job_id limit 1) next
    union all
    select null, next.job_id from found cross join lateral (
      select a.job_id from asks a where a.job_id > found.job_id order by a.job_id limit 1) next
"""


def _asking_jobs(found: str) -> TextClause:
    return text(f"""
        with recursive found as ({found}),
        j as (
          select j.*, {_ORDER} from jobs j
          where j.id in (select job_id from found union select job_id from asks where :mine and claimed_by = :me)
        )
        select * from j where (urgency, due, id) >= (:urgency, :due, :job)
          and (not :strictly or (urgency, due, id) <> (:urgency, :due, :job))
        order by urgency, due, id limit :most
    """)  # noqa: S608 - our own words


_ASKING = {True: _asking_jobs(_FOUND), False: _asking_jobs(_FOUND_BY_GROUP)}
"""Whether that of all -> the jobs."""

_ASKS = text("""
    select a.*, s.action, s.label, t.state, t.given - t.processed - t.skipped - t.failed - t.aborted as left,
      coalesce(a.due_at < clock_timestamp(), false) as late
    from unnest(cast(:jobs as bigint[]), cast(:after as bigint[])) with ordinality as u(job, after, place)
    cross join lateral (
      select * from asks a where a.job_id = u.job and a.task_id > u.after
        and (:all or a.group_name = any(cast(:groups as text[])) or (:mine and a.group_name = '')
          or (:mine and a.claimed_by = :me))
        and (not :mine or :all or a.claimed_by is null or a.claimed_by = :me)
      order by a.task_id limit :most
    ) a
    join tasks t on t.id = a.task_id
    join job_steps s on s.job_id = a.job_id and s.rule = a.rule and s.step = (a.task_id & :mask)
    order by u.place, a.task_id
""")


def _manual_tasks(tx: Connection, wanted: Wanted, after: Sequence[int], most: int) -> Iterator[_Item]:
    """Tasks of manual steps, job by job."""
    urgency, due, job, task = after
    strictly = False
    while True:
        place = {"urgency": urgency, "due": due, "job": job, "strictly": strictly, "most": _JOBS_AT_ONCE}
        jobs = tx.execute(_ASKING[wanted.all], wanted.asked | place).all()
        if not jobs:
            return
        stopped = halted(tx, jobs)
        by_id = {row.id: row for row in jobs}
        start = {job: task} if not strictly else {}
        asked = {"jobs": list(by_id), "after": [start.get(id, 0) for id in by_id], "most": most, "mask": STEP_MASK}
        for row in tx.execute(_ASKS, wanted.asked | asked):
            owner = by_id[row.job_id]
            view = _asked(owner, row, wanted.person, stopped=owner.id in stopped)
            yield _Item((owner.urgency, owner.due, owner.id, row.task_id), view)
        urgency, due, job, task, strictly = jobs[-1].urgency, jobs[-1].due, jobs[-1].id, 0, True


def _asked(job: Row[Any], row: Row[Any], person: Person, *, stopped: bool) -> views.WorklistItem:
    goes_on = job.state in RUNNING and not stopped
    dues = [due for due in (row.due_at, job.due_at) if due is not None]
    return views.WorklistItem(
        **_of_job(job),
        task_id=row.task_id,
        name=row.label or row.action,
        state=row.state,
        due_at=min(dues, default=None),
        overdue=row.late or job.overdue,
        planned_start=None,
        start_overdue=False,
        group=row.group_name or None,
        assignee=row.claimed_by,
        claim_until=row.claim_until,
        paths=row.left,
        held=stopped,
        legal_events=task_events(person, row.group_name, row.claimed_by, goes_on=goes_on),
    )


def _of_job(row: Row[Any]) -> dict[str, Any]:
    return {"job_id": row.id, "kind": row.kind, "workflow": row.workflow, "priority": row.priority}
