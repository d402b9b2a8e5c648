"""Edit jobs go on by themselves while it is the system's turn: steps are begun and heard of, workspaces made.

All that is due is read from rows, one job a transaction; what is done to files is repeatable. So whoever dies between
any two moments leaves nothing out, and nothing is done twice.
"""

import logging
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import OperationalError

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.job_type import StepDefinition
from orchestrator.contracts.views import Outcome
from orchestrator.domain.edit_job import EditState
from orchestrator.domain.edit_steps import STEPS, Ending, Next, Situation, Stage, Verdict, follows, verdict
from orchestrator.domain.kinds import MACHINES, Kind
from orchestrator.errors import Conflict, Refused, Unreachable
from orchestrator.services.fire import locked
from orchestrator.services.hold import HUB, is_held, release_ended
from orchestrator.services.job_types import version_of
from orchestrator.services.rework import Failures, make_child, tell_parent
from orchestrator.services.step_order import step_order
from orchestrator.services.submit import submit
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.edit_rows import begin_stage, change, put_off, read_edit, set_edit
from orchestrator.storage.history import record
from orchestrator.storage.queries.paths import list_paths

log = logging.getLogger(__name__)

MOST_FAILURES = 1000
"""Of one judgement that are handed on; the step's own job has them all."""
_HELD_S = 1.0
_STOPPING_S = 0.3
_AGAIN_S = 5.0
_LONGEST_S = 300.0

NEWS = """
  from edit_jobs e join jobs run on run.id = e.step_job_id where run.ended_at is not null and e.go_on_at is null
"""
"""SQL: the edit jobs whose step has ended."""
DUE = "from edit_jobs e where e.go_on_at <= statement_timestamp()"
"""SQL: those with which there is something else to be done."""
_NEXT = text(f"(select e.job_id {NEWS} limit 1) union all (select e.job_id {DUE} order by e.go_on_at limit 1) limit 1")


def go_on(tx: Connection, workspaces: Workspaces) -> bool:
    """Do the next thing that is due with some edit job; False when there is none."""
    job_id = tx.execute(_NEXT).scalar()
    if job_id is None:
        return False
    locked(tx, job_id)
    try:
        with tx.begin_nested():
            set_edit(tx, job_id, go_on_at=None)
            _go_on(tx, read_edit(tx, job_id), workspaces)
    except OperationalError:
        raise
    except Unreachable as away:
        put_off(tx, job_id, _AGAIN_S)
        set_edit(tx, job_id, reason=str(away))
    except Exception:  # one that nobody foresaw must not stop all the others
        log.exception("edit job %d can not go on", job_id)
        put_off(tx, job_id, _LONGEST_S)
    failpoint("edit.uncommitted")
    return True


def _go_on(tx: Connection, job: Row[Any], workspaces: Workspaces) -> None:
    if job.step_job_id is not None:
        _hear(tx, job, workspaces)
    elif _still_stops(tx, job.id):
        put_off(tx, job.id, _STOPPING_S)
    elif job.discard:
        workspaces.discard(job.id)
        set_edit(tx, job.id, discard=False)
        if job.stage is not None:
            put_off(tx, job.id, 0.0)
    elif job.stage is not None and is_held(tx, job.id):
        put_off(tx, job.id, _HELD_S)
    elif job.stage is not None:
        _begin(tx, job, workspaces)


def _begin(tx: Connection, job: Row[Any], workspaces: Workspaces) -> None:
    """Begin the step of the present stage; one that is left out is over at once, and was good."""
    stage, child = Stage(job.stage), job.kind != Kind.EDIT
    try:
        if stage is Stage.EXTRACTING:
            workspaces.make(job.id, job.parent_id if child else None)
        elif stage is Stage.COMMITTING and child:
            workspaces.merge_up(job.id, job.parent_id)
        folder = str(workspaces.folder(job.id))
    except Conflict as wrong:
        _after(tx, job, Verdict.BROKE, workspaces, reason=wrong.detail)
        return
    failpoint("edit.prepared")
    step = version_of(tx, job).step(STEPS[stage]) if not child or stage is Stage.VALIDATING else None
    if step is None:
        record(tx, job.id, "StageBegun", actor=HUB, reason=stage)
        _after(tx, job, Verdict.GOOD, workspaces)
        return
    try:
        with tx.begin_nested():
            run = submit(tx, _order(tx, job, step, folder), job.owner, parent=job.id).job_id
    except Refused as refused:
        faults = "; ".join(f"{fault.place} {fault.reason}" for fault in refused.faults)
        reason = f"the step {STEPS[stage]} could not be started: {refused.detail}: {faults}".rstrip(": ")
        _after(tx, job, Verdict.BROKE, workspaces, reason=reason)
        return
    set_edit(tx, job.id, step_job_id=run)
    record(tx, job.id, "StageBegun", actor=HUB, reason=f"{stage}: job {run}")


def _order(tx: Connection, job: Row[Any], step: StepDefinition, folder: str) -> dict[str, Any]:
    """What is submitted for the step."""
    given = {
        **{name: getattr(job, name) for name in ("name", "extent", "attributes", "failures")},
        "job": job.id,
        "parent": None if job.kind == Kind.EDIT else job.parent_id,
        "workspace": folder,
        "resolve": job.tries if job.stage == Stage.RECONCILING else 0,
    }
    return step_order(tx, step, given) | {"priority": job.priority}


def _hear(tx: Connection, job: Row[Any], workspaces: Workspaces) -> None:
    """Take what the run of the present step has come to, if it has ended."""
    run = tx.execute(_RUN, {"run": job.step_job_id}).one_or_none()
    if run is None:  # it goes on
        return
    said = verdict(Ending(run.state, run.discovery, run.error, run.failure, run.cancelled))
    found: Failures = _failures(tx, run.id) if said is Verdict.JUDGED else ()
    merged = job.stage == Stage.COMMITTING and run.started_at is not None
    reason = None if said is Verdict.GOOD else f"job {run.id}, its step {STEPS[Stage(job.stage)]}, ended {run.state}"
    _after(tx, job, said, workspaces, found=found, reason=reason, merged=merged)


def _after(
    tx: Connection,
    job: Row[Any],
    said: Verdict,
    workspaces: Workspaces,
    *,
    found: Failures = (),
    reason: str | None = None,
    merged: bool = False,
) -> None:
    """What follows the ending of a step."""
    stage = Stage(job.stage)
    if stage is Stage.CLEANING and said is Verdict.GOOD:
        workspaces.discard(job.id)
    kind, definition = Kind(job.kind), version_of(tx, job)
    at = Situation(
        kind, stage, job.mode, job.quarantine and not job.approved, definition.publish, job.tries,
        definition.conflict_retries,
    )  # fmt: skip
    then = follows(at, said)
    if merged:
        set_edit(tx, job.id, merged=True)
    if then.event is None:
        _same_state(tx, job, then, reason)
        return
    _moved(tx, job, then, found, reason)
    if then.parent is not None:
        tell_parent(tx, job, then.parent, HUB, said=reason)


def _same_state(tx: Connection, job: Row[Any], then: Next, reason: str | None) -> None:
    """Another stage in the same state, or the same once more."""
    stage = then.stage or Stage(job.stage)
    pause_s = min(_AGAIN_S * 2**job.tries, _LONGEST_S) if then.again and stage is Stage.CLEANING else 0.0
    begin_stage(tx, job.id, stage, job.tries + 1 if then.again else 0, pause_s)
    set_edit(tx, job.id, reason=reason)


def _moved(tx: Connection, job: Row[Any], then: Next, found: Failures, reason: str | None) -> None:
    machine = MACHINES[Kind(job.kind)]
    after = machine.edges[machine.state(job.state), then.event]
    values: dict[str, Any] = {}
    if after == EditState.ALLOCATED:
        values = {"claimed_by": None, "started_at": None, "discard": True}
    elif after == EditState.ABANDONED:
        values = {"discard": True}
    elif found and then.child is None:
        values = {"failures": list(found)}
    stuck = after == EditState.FAILED
    assert then.event is not None  # noqa: S101 - what is told without one is _same_state's
    change(
        tx, job, then.event, HUB, stage=Stage(job.stage) if stuck else then.stage, waits=stuck, reason=reason, **values
    )
    if after in machine.ends:
        release_ended(tx, [job.id])
    if then.child is not None:
        make_child(tx, read_edit(tx, job.id), then.child, found, HUB)


def _failures(tx: Connection, run: int) -> Failures:
    """What a step found wrong, path by path."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = list_paths(tx, run, 500, cursor, outcome=[Outcome.FAILED, Outcome.ABORTED])
        items += (
            item.model_dump(include={"path", "path_b64", "step", "message"}, exclude_none=True) for item in page.items
        )
        cursor = page.next_cursor
        if cursor is None or len(items) >= MOST_FAILURES:
            return items[:MOST_FAILURES]


_RUN = text("""
    select j.id, j.state, j.started_at, coalesce(d.state::text, '') as discovery,
      coalesce(sum(s.error), 0)::int as error, coalesce(sum(s.failure), 0)::int as failure,
      coalesce(sum(s.cancelled), 0)::int as cancelled
    from jobs j left join discoveries d on d.job_id = j.id left join job_steps s on s.job_id = j.id
    where j.id = :run and j.ended_at is not null group by j.id, d.state
""")


def _still_stops(tx: Connection, job: int) -> bool:
    """Whether a step that no longer counts has not ended yet: nothing is begun beside it."""
    return tx.execute(_STOPS, {"job": job}).scalar_one()


_STOPS = text("""
    select exists (select from jobs where parent_id = :job and kind = 'batch' and ended_at is null)
""")
