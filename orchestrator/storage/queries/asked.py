"""Tasks that wait for people, as they are seen: who is asked, their paths, and what was done with them."""

from typing import Any

from sqlalchemy import Connection, Row, select, text

from orchestrator.contracts import views
from orchestrator.contracts.paths import indices, number, to_bits, unpack, unpack_carry
from orchestrator.contracts.text import path_text
from orchestrator.domain.batch_job import RUNNING
from orchestrator.domain.chain import STEP_BITS
from orchestrator.domain.people import Person
from orchestrator.domain.roles import Permission, granted
from orchestrator.domain.task import TaskState
from orchestrator.errors import NotFound
from orchestrator.storage.queries.holds import halted
from orchestrator.storage.queries.keyset import decode, encode, page_by
from orchestrator.storage.queries.tasks import read_task
from orchestrator.storage.tables import task_history

_ASKED = text("""
    select a.*, j.id, j.state, j.awaits, j.site, j.queue, j.workflow, j.owner
    from asks a join jobs j on j.id = a.job_id where a.task_id = :task
""")


def task_events(person: Person, group: str, claimed_by: str | None, *, goes_on: bool) -> list[str]:
    """What somebody may do with a task that waits for people; ``goes_on``: its job runs, and nothing holds it."""
    asked = person.leads or not group or group in person.groups
    if not goes_on or not asked or Permission.WORK not in granted(person.roles):
        return []
    if claimed_by is None:
        return ["claim", "accept", "reject"]
    if claimed_by == person.name:
        return ["accept", "reject", "give-back"]
    return ["give-back"] if person.leads else []


def read_manual_task(tx: Connection, task: int, person: Person) -> views.ManualTask:
    """One task, and who is asked about it; NotFound when there is none."""
    told = read_task(tx, task).model_dump()
    row = tx.execute(_ASKED, {"task": task}).one_or_none()
    return views.ManualTask(**told, asked=None if row is None else _asked(tx, row, person))


def _asked(tx: Connection, row: Row[Any], person: Person) -> views.Asked:
    goes_on = row.state in RUNNING and not halted(tx, [row])
    events = task_events(person, row.group_name, row.claimed_by, goes_on=goes_on)
    names = views.Asked.model_fields.keys() - {"group", "legal_events"}
    own = {name: getattr(row, name) for name in names}
    return views.Asked(**own, group=row.group_name or None, legal_events=events)


_PATHS = text("""
    select t.job_id, t.state, t.given, t.given_bits, t.settled_bits, t.error, b.n, b.paths, c.carry
    from tasks t join jobs j on j.id = t.job_id and j.pruned_at is null
    join batches b on b.id = t.id >> :bits left join carries c on c.task_id = t.id
    where t.id = :task
""")
_OUTCOMES = text("select index as place, outcome, message from outcomes where job_id = :job and task_id = :task")


def list_task_paths(tx: Connection, task: int, limit: int, cursor: str | None = None) -> views.Page[views.TaskPath]:
    """The paths that a task was given, in their order, and what has become of them. NotFound when there is none."""
    after = -1 if cursor is None else decode(cursor, "paths of a task", int)[0]
    row = tx.execute(_PATHS, {"task": task, "bits": STEP_BITS}).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task}")
    given = number(row.given_bits, row.n) if row.given else 0
    later = given >> (after + 1) << (after + 1)
    chosen: list[int] = []
    for index in indices(to_bits(later, row.n), row.n):
        chosen.append(index)
        if len(chosen) > limit:
            break
    said = {int(one.place): one for one in tx.execute(_OUTCOMES, {"job": row.job_id, "task": task})}
    paths, renamed = unpack(row.paths).paths, unpack_carry(row.carry).renamed
    items = [_path(row, index, renamed.get(index, paths[index]), said.get(index)) for index in chosen[:limit]]
    more = len(chosen) > limit
    return views.Page[views.TaskPath](
        items=items, next_cursor=encode("paths of a task", [chosen[limit - 1]]) if more else None
    )


def _path(row: Row[Any], index: int, path: bytes, said: Row[Any] | None) -> views.TaskPath:
    shown, exact = path_text(path)
    outcome = None if said is None else views.Outcome(said.outcome)
    message: str | None = None if said is None else said.message
    error: dict[str, str] = row.error or {}
    if said is None and row.state in (TaskState.SUCCESS, TaskState.ERROR):
        outcome = views.Outcome.PROCESSED
    elif said is None and row.state == TaskState.FAILURE:
        outcome, message = views.Outcome.FAILED, error.get("message")
    elif said is None and int.from_bytes(row.settled_bits or b"", "little") >> index & 1:
        outcome = views.Outcome.PROCESSED
    return views.TaskPath(index=index, path=shown, path_b64=exact, outcome=outcome, message=message)


def list_task_history(tx: Connection, task: int, limit: int, cursor: str | None = None) -> views.Page[views.TaskEvent]:
    """What people did with a task, oldest first. NotFound when there is none."""
    known = read_task(tx, task)
    query = select(task_history).where(task_history.c.job_id == known.job_id, task_history.c.task_id == task)
    return page_by(tx, query, task_history.c.seq, limit, cursor, _event)


def _event(row: Row[Any]) -> views.TaskEvent:
    return views.TaskEvent(**{name: getattr(row, name) for name in views.TaskEvent.model_fields})
