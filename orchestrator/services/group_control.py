"""Pausing, resuming and cancelling a group job: its open jobs are held, released, and ended with it."""

from sqlalchemy import Connection, select, text

from orchestrator.contracts.control import Asked, CancelAsked
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task_group import GROUP_JOB, GroupEvent
from orchestrator.services.advance import advance, end_rows
from orchestrator.services.batch_events import revoker
from orchestrator.services.control import GRACE_S, Wish, cancel, locked
from orchestrator.services.fire import Action, Actions, Firing
from orchestrator.services.hold import hold_job, release, release_ended
from orchestrator.storage.tables import holds
from orchestrator.storage.task_rows import open_rows, read_rows, set_group, set_run
from orchestrator.storage.transitions import move

PAUSED = "group"
"""The kind of a hold that is there because the group job is paused."""
_J, _G = JobState, GroupEvent


def _pause(firing: Firing, said: Asked) -> None:
    """Nothing of it is with anybody but people: it is Paused at once, and its open jobs are held."""
    tx, group = firing.tx, firing.job
    if group.state in Wish.PAUSE.already:
        return
    state = move(tx, GROUP_JOB, group.id, _J(group.state), _G.PAUSE_REQUESTED, actor=firing.actor, reason=said.reason)
    for job in _open_jobs(tx, group.id):
        hold_job(tx, job, PAUSED, f"job {group.id}, of which it is a part, is paused")
    move(tx, GROUP_JOB, group.id, state, _G.DRAINED, actor=firing.actor)


def _resume(firing: Firing, said: Asked) -> None:
    tx, group = firing.tx, firing.job
    if group.state in Wish.RESUME.already:
        return
    event = _G.RESUMED if group.started_at is not None else _G.RESUMED_UNSTARTED
    move(tx, GROUP_JOB, group.id, _J(group.state), event, actor=firing.actor, reason=said.reason)
    mine = holds.c.job_id.in_(_open_jobs(tx, group.id))
    query = select(holds.c.id).where(mine, holds.c.kind == PAUSED, holds.c.released_at.is_(None)).order_by(holds.c.id)
    for hold in tx.scalars(query).all():
        release(tx, hold, firing.actor, f"job {group.id} goes on")
    advance(tx, group.id)


def _cancel(firing: Firing, said: CancelAsked) -> None:
    """End all of it; a workflow that runs for it is stopped first, and the hub sees it end."""
    tx, group = firing.tx, firing.job
    if group.state == _J.CANCELLED:
        return
    if group.state != _J.DEQUEUING:
        event = _G.CANCEL_REQUESTED
        move(tx, GROUP_JOB, group.id, _J(group.state), event, actor=firing.actor, reason=said.reason)
        end_rows(tx, group.id, firing.actor)
        set_group(tx, group.id, due=False)
    run = _live_run(tx, group.id)
    if run is None:
        drained(tx, group.id)
    else:
        grace_s = 0.0 if said.force else GRACE_S
        reason = f"job {group.id}, of which it is a part, is cancelled"
        cancel(tx, locked(tx, run, Wish.CANCEL), firing.actor, reason, revoker(firing), grace_s=grace_s)


def drained(tx: Connection, group: int) -> None:
    """Nothing of a group that is being cancelled runs any more."""
    for row in read_rows(tx, group):
        if row.run_id is not None:
            set_run(tx, row.id, None)
    move(tx, GROUP_JOB, group, _J.DEQUEUING, _G.DRAINED, actor="hub")
    set_group(tx, group, current_task=None)
    release_ended(tx, [group])


def _open_jobs(tx: Connection, group: int) -> list[int]:
    """The job of the task that is under way, and the run of its workflow."""
    rows = open_rows(read_rows(tx, group))
    found = [job for row in rows for job in (row.job_id, row.run_id) if job is not None]
    return list(tx.scalars(_NOT_ENDED, {"jobs": sorted(found)}))


_NOT_ENDED = text("""
    select id from jobs where id = any(cast(:jobs as bigint[])) and ended_at is null order by id for update
""")
_LIVE = text("""
    select j.id from group_tasks t join jobs j on j.id = t.run_id where t.group_id = :group and j.ended_at is null
""")


def _live_run(tx: Connection, group: int) -> int | None:
    return tx.execute(_LIVE, {"group": group}).scalar()


CONTROL: Actions = {
    _G.PAUSE_REQUESTED: Action(Asked, _pause, Wish.PAUSE.already),
    _G.RESUMED: Action(Asked, _resume, Wish.RESUME.already),
    _G.RESUMED_UNSTARTED: Action(Asked, _resume, Wish.RESUME.already),
    _G.CANCEL_REQUESTED: Action(CancelAsked, _cancel, Wish.CANCEL.already),
}
