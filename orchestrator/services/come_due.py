"""Doing what schedules say when they come due: each due time once, in the transaction that starts its job.

A schedule's row is locked, says when it is due next, and is moved on together with what was done; so a hub that dies
leaves either nothing or all of it, and the next hub goes on there. That a due time is written down only once is
promised by the database besides.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text
from sqlalchemy.exc import OperationalError

from orchestrator.contracts.faults import read_as
from orchestrator.contracts.schedule import ScheduleAsked
from orchestrator.domain.roles import Permission, Role, granted
from orchestrator.domain.schedule import MOST_QUEUED, Outcome, Verdict, before_window, decide, is_missed
from orchestrator.errors import Conflict, Forbidden, IllegalTransition, Invalid, NotFound, Refused, Unreachable
from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.hold import HUB
from orchestrator.services.submit import submit
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.why_people import WHEN
from orchestrator.storage.tables import users

log = logging.getLogger(__name__)

KEPT = 1000
"""Of one schedule's firings that have no job, so many are kept."""
MOST_REASON = 2000

FREE = """
  from firings f join schedules s on s.id = f.schedule_id left join jobs j on j.id = s.job_id
  where f.outcome = 'queued' and (j.id is null or j.ended_at is not null)
"""
"""SQL: the firings that are queued, and need not wait any longer."""
NEXT = "cast((select extract(epoch from min(next_at) - statement_timestamp()) from schedules) as float8)"
"""SQL: in how many seconds a schedule is due next, less than 0 where one is overdue."""

# What has been locked is looked at anew: who had the lock before may have started a job.
_DUE = text("""
    select *, statement_timestamp() as now from schedules where next_at <= statement_timestamp()
    order by next_at, id limit 1 for update skip locked
""")
_FREED = text(f"""
    select *, statement_timestamp() as now from schedules
    where id = (select f.schedule_id {FREE} order by f.due_at, f.id limit 1) for update skip locked
""")  # noqa: S608 - our own words
_QUEUED = text("""
    select id, due_at, by from firings where schedule_id = :schedule and outcome = 'queued' order by due_at, id limit 1
""")
_ONE = text("select *, statement_timestamp() as now from schedules where id = :id for update")
_RUNNING = text("select id from jobs where id = :job and ended_at is null")


def come_due(tx: Connection, revoke: Revoke) -> bool:
    """Do the next thing that is due, which is one time of one schedule; False when there is none."""
    if (row := tx.execute(_DUE).one_or_none()) is not None:
        _pass_on(tx, row, revoke)
        return True
    row = tx.execute(_FREED).one_or_none()
    if row is None or _running(tx, row) is not None:
        return False
    queued = tx.execute(_QUEUED, {"schedule": row.id}).one_or_none()
    if queued is not None:
        _begin(tx, row, queued.id, queued.due_at, queued.by)
    return queued is not None


def run_now(tx: Connection, id: int, by: str, revoke: Revoke | None) -> int:
    """Fire a schedule because somebody asks for it, paused or not; the firing's id.

    It overlaps as any other: Conflict where it would be skipped. Invalid when its job can not be submitted.
    """
    row = lock_schedule(tx, id)
    firing = _fire(tx, row, row.now, by, revoke)
    if firing is None:
        raise Conflict(f"schedule {id} was fired at this very moment")
    audit(tx, by, "schedule.run", f"schedule {id}")
    return firing


def lock_schedule(tx: Connection, id: int) -> Row[Any]:
    """The schedule's row, locked, with the time (``now``); NotFound when there is none."""
    row = tx.execute(_ONE, {"id": id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no schedule {id}")
    return row


def read_kept(row: Row[Any]) -> ScheduleAsked:
    """What a schedule says; Invalid when that could not be taken any more."""
    return read_as(ScheduleAsked, row.definition, f"schedule {row.id} can not be read any more")


def drop_queued(tx: Connection, schedule: int, reason: str, *, but: int = 0) -> None:
    """Start none of the firings that are queued, but for this one."""
    tx.execute(_DROP, {"schedule": schedule, "reason": reason, "but": but})


def _pass_on(tx: Connection, row: Row[Any], revoke: Revoke) -> None:
    """Fire what is due, unless it is too late, and go on to what is due next."""
    try:
        asked = read_kept(row)
    except Invalid as unread:  # such as a time zone that this machine does not know any more
        _give_up(tx, row, unread)
        return
    catch_up = timedelta(seconds=asked.catch_up)
    done: datetime = row.next_at
    if is_missed(row.next_at, row.now, catch_up):
        done = before_window(row.now, catch_up)
        if (firing := _note(tx, row, row.next_at, None)) is not None:
            reason = f"nobody was there to fire it; what was due until {done:{WHEN}} is not made up"
            _end(tx, row, firing, Outcome.MISSED, reason)
    else:
        _fire(tx, row, row.next_at, None, revoke)
    tx.execute(_MOVE_ON, {"id": row.id, "next": asked.due_after(row.anchor, done)})


def _give_up(tx: Connection, row: Row[Any], why: Refused) -> None:
    """When it is due next can not be told: it is due no more until somebody mends it."""
    if (firing := _note(tx, row, row.next_at, None)) is not None:
        _end(tx, row, firing, Outcome.FAILED, f"it is due no more: {_in_words(why)}")
    tx.execute(_MOVE_ON, {"id": row.id, "next": None})


def _fire(tx: Connection, row: Row[Any], due: datetime, by: str | None, revoke: Revoke | None) -> int | None:
    """Do as its overlap says; the firing's id, None when this time was fired before."""
    firing = _note(tx, row, due, by)
    if firing is None:
        return None
    overlap = read_kept(row).overlap
    queued = tx.execute(_COUNT_QUEUED, {"schedule": row.id, "but": firing}).scalar_one()
    running = _running(tx, row)
    match decide(overlap, running=running is not None, queued=queued):
        case Verdict.START:
            _begin(tx, row, firing, due, by, told=by is not None)
        case Verdict.SKIP:
            before = "a firing that is queued" if running is None else f"job {running}"
            _skip(tx, row, firing, by, f"{before} has not ended")
        case Verdict.REFUSE:
            _skip(tx, row, firing, by, f"{MOST_QUEUED} firings are queued already")
        case Verdict.REPLACE:
            drop_queued(tx, row.id, f"the one that was due at {due:{WHEN}} took its place", but=firing)
            if running is not None:
                _cancel(tx, row, running, due, by, revoke)
        case Verdict.QUEUE:
            pass
    return firing


def _begin(tx: Connection, row: Row[Any], firing: int, due: datetime, by: str | None, *, told: bool = False) -> None:
    """Start the job of a firing, or write down why it can not be: raised where somebody waits to be ``told``."""
    reason = f"schedule {row.id} ({row.name}), " + (f"due {due:{WHEN}}" if by is None else f"run by {by}")
    try:
        with tx.begin_nested():
            _refuse_owner(tx, row.owner)
            job = submit(tx, read_kept(row).submission, row.owner, reason=reason).job_id
    except Refused as refused:
        if told:
            raise
        _end(tx, row, firing, Outcome.FAILED, _in_words(refused))
    except OperationalError:
        raise
    except Exception as error:  # one schedule that nobody foresaw must not stop the others
        log.exception("schedule %s can not be fired", row.id)
        _end(tx, row, firing, Outcome.FAILED, f"{type(error).__name__}: {error}")
    else:
        tx.execute(_STARTED, {"firing": firing, "job": job})
        tx.execute(_LAST_JOB, {"id": row.id, "job": job})


def _skip(tx: Connection, row: Row[Any], firing: int, by: str | None, reason: str) -> None:
    if by is not None:
        raise Conflict(f"schedule {row.id} is not run: {reason}")
    _end(tx, row, firing, Outcome.SKIPPED, reason)


def _cancel(tx: Connection, row: Row[Any], job: int, due: datetime, by: str | None, revoke: Revoke | None) -> None:
    """Cancel the job that is replaced; what is queued begins when it has ended."""
    if revoke is None:
        raise Unreachable("the API was given no broker: what is queued could not be taken back")
    reason = f"schedule {row.id} ({row.name}), due {due:{WHEN}}, takes its place"
    with suppress(IllegalTransition):  # it has ended meanwhile
        cancel(tx, locked(tx, job, Wish.CANCEL), by or HUB, reason, revoke)


def _running(tx: Connection, row: Row[Any]) -> int | None:
    """Its last job, while that has not ended."""
    return tx.scalar(_RUNNING, {"job": row.job_id})


def _refuse_owner(tx: Connection, owner: str) -> None:
    """Forbidden when the owner may not start jobs any more."""
    roles = tx.scalar(select(users.c.roles).where(users.c.name == owner))
    if roles is None or Permission.SUBMIT not in granted(map(Role, roles)):
        raise Forbidden(f"{owner}, who owns it, may not start jobs any more: somebody who may has to save it anew")


def _in_words(refused: Refused) -> str:
    faults = "; ".join(f"{fault.place} {fault.reason}" for fault in refused.faults)
    return f"{refused.detail}: {faults}".rstrip(": ")


def _note(tx: Connection, row: Row[Any], due: datetime, by: str | None) -> int | None:
    """Write down that this time has come, as queued; the firing's id, None when that was done before."""
    return tx.scalar(_NOTE, {"schedule": row.id, "due": due, "by": by})


def _end(tx: Connection, row: Row[Any], firing: int, outcome: Outcome, reason: str) -> None:
    """It comes to no job. Of those that did not, the oldest are forgotten from time to time."""
    tx.execute(_END, {"firing": firing, "outcome": outcome, "reason": reason[:MOST_REASON]})
    if firing % 97 == 0:  # a prime, so that all of some that take turns come by
        tx.execute(_FORGET, {"schedule": row.id, "kept": KEPT})


_NOTE = text("""
    insert into firings (schedule_id, due_at, outcome, by) values (:schedule, :due, 'queued', :by)
    on conflict (schedule_id, due_at) do nothing returning id
""")
_COUNT_QUEUED = text("""
    select count(*) from firings where schedule_id = :schedule and outcome = 'queued' and id <> :but
""")
_DROP = text("""
    update firings set outcome = 'skipped', reason = :reason, at = clock_timestamp()
    where schedule_id = :schedule and outcome = 'queued' and id <> :but
""")
_STARTED = text("update firings set outcome = 'started', job_id = :job, at = clock_timestamp() where id = :firing")
_LAST_JOB = text("update schedules set job_id = :job where id = :id")
_END = text("update firings set outcome = :outcome, reason = :reason, at = clock_timestamp() where id = :firing")
_MOVE_ON = text("update schedules set next_at = :next where id = :id")
_FORGET = text("""
    delete from firings where schedule_id = :schedule and job_id is null and outcome <> 'queued' and id < (
      select id from firings where schedule_id = :schedule and job_id is null
      order by id desc offset :kept limit 1
    )
""")
