"""Holds: what stops hand-outs, with a reason and an author. They change no state, and are released, never deleted."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, text, update

from orchestrator.contracts.hold import HoldAsked, Scope
from orchestrator.domain.kinds import ENDS
from orchestrator.errors import Conflict, Fault, Invalid, NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.history import record
from orchestrator.storage.tables import holds, jobs, sites, workflows
from orchestrator.storage.together import write

MANUAL, TOLERANCE, BREAKER = "manual", "tolerance", "breaker"
DEADLINE = "deadline"
"""Of a task that waits for people: nobody has decided in time."""
DEPENDENCY = "dependency"
"""Of a job that waited for another, which has ended without coming so far."""
HUB = "hub"


def held(site: str, queue: str) -> str:
    """SQL: whether an open hold, or a job that it waits for, stops what ``j`` has at a site and in a queue.

    Both are expressions.
    """
    # Those of one job are found by its id: a thousand jobs that are held cost the others nothing.
    return f"(j.awaits > 0 or {_exists('h.job_id = j.id', site, queue)} or {_exists('h.job_id is null', site, queue)})"


def _exists(whose: str, site: str, queue: str) -> str:
    return f"""exists (
      select from holds h where h.released_at is null and {whose} and h.path_prefix is null
        and coalesce(h.until > clock_timestamp(), true)
        and (h.site is null or h.site = {site}) and (h.queue is null or h.queue = {queue})
        and (h.workflow is null or h.workflow = j.workflow) and (h.owner is null or h.owner = j.owner)
    )"""


_HAND_OUTS = 0x0A1E_4B2D
_ALONE = text("select pg_advisory_xact_lock(:hand_outs)")
HANDING_OUT = f"pg_advisory_xact_lock_shared({_HAND_OUTS})"
"""SQL: from here to the end of the transaction no hold of more than one job is placed. Look for them afterwards."""


def lane_held(site: str, queue: str) -> str:
    """SQL: whether a hold of a site or a queue as such stops all that is there, whoever's it is."""
    return f"""exists (
      select from holds h where h.released_at is null and h.job_id is null
        and coalesce(h.until > clock_timestamp(), true) and num_nonnulls(h.workflow, h.owner, h.path_prefix) = 0
        and (h.site is null or h.site = {site}) and (h.queue is null or h.queue = {queue})
    )"""


PATHS_HELD = """exists (
  select from holds where path_prefix is not null and released_at is null
    and coalesce(until > statement_timestamp(), true)
)"""
"""SQL: whether any path is held."""


def place(tx: Connection, asked: HoldAsked, author: str) -> int:
    """Hold everything that agrees with the whole scope; its id. Nothing of it is handed out once this is committed.

    A hand-out that is under way is waited for, one that begins then waits for this transaction: by the job's row where
    that is all that is held (lanes.py), else by a lock that is taken before any row's.

    Invalid for a scope that names what there is not, Conflict for a job that has ended.
    """
    scope = asked.scope
    if scope.named.keys() != {"job"}:
        tx.execute(_ALONE, {"hand_outs": _HAND_OUTS})
    _check(tx, scope)
    return _keep(tx, scope, asked.reason, author, MANUAL, asked.until)


def hold_job(tx: Connection, job: int, kind: str, reason: str) -> int:
    """Hold a job, whose row is locked, in the hub's name; the kind says what it is for. Returns the hold's id."""
    return _keep(tx, Scope(job=job), reason, HUB, kind, None)


def _keep(tx: Connection, scope: Scope, reason: str, author: str, kind: str, until: datetime | None) -> int:
    row = insert(holds).values(scope.columns | {"kind": kind, "reason": reason, "author": author, "until": until})
    id = tx.execute(row.returning(holds.c.id)).scalar_one()
    if scope.job is not None:
        record(tx, scope.job, "Held", actor=author, reason=f"{reason} (hold {id})")
    if kind == MANUAL:
        audit(tx, author, "hold.place", f"hold {id}", reason, scope.named)
    return id


def _check(tx: Connection, scope: Scope) -> None:
    faults: list[Fault] = []
    if scope.site is not None and tx.scalar(select(sites.c.name).where(sites.c.name == scope.site)) is None:
        faults.append(Fault("$.scope.site", f"nothing was ever heard of a site {scope.site!r}"))
    if scope.workflow is not None and not tx.scalar(
        select(workflows.c.name).where(workflows.c.name == scope.workflow, workflows.c.deleted_at.is_(None))
    ):
        faults.append(Fault("$.scope.workflow", f"there is no workflow {scope.workflow!r}"))
    if scope.job is not None:
        known = select(jobs.c.state).where(jobs.c.id == scope.job, jobs.c.pruned_at.is_(None))
        state = tx.scalar(known.with_for_update())
        if state is None:
            faults.append(Fault("$.scope.job", f"there is no job {scope.job}"))
        elif state in ENDS:
            raise Conflict(f"job {scope.job} has ended: {state}")
    if faults:
        raise Invalid("the hold can not be placed", faults)


def refuse_held(tx: Connection, job: int) -> None:
    """Raise Conflict while something holds the whole of the job: people's events stop, as hand-outs do."""
    if before := tx.execute(_AWAITS, {"job": job}).first():
        raise Conflict(f"job {job} may not begin until job {before.on_job} is at least {before.wanted}")
    row = tx.execute(_HOLDS_WHOLE, {"job": job}).first()
    if row is not None:
        raise Conflict(f"job {job} is held by {row.author}: {row.reason} (hold {row.id})")


def is_held(tx: Connection, job: int) -> bool:
    """Whether something holds the whole of the job."""
    return any(tx.execute(statement, {"job": job}).first() for statement in (_AWAITS, _HOLDS_WHOLE))


_AWAITS = text("""
    select d.on_job, d.wanted from jobs j join dependencies d on d.job_id = j.id and d.settled_at is null
    where j.id = :job and j.awaits > 0 order by d.on_job limit 1
""")
_HOLDS_WHOLE = text("""
    select h.id, h.author, h.reason from jobs j join holds h on (h.job_id is null or h.job_id = j.id)
    where j.id = :job and h.released_at is null and coalesce(h.until > clock_timestamp(), true)
      and h.site is null and h.queue is null and h.path_prefix is null
      and (h.workflow is null or h.workflow = j.workflow) and (h.owner is null or h.owner = j.owner)
    order by h.id limit 1
""")


def release(tx: Connection, id: int, by: str, reason: str | None) -> None:
    """End a hold; again is harmless. NotFound when there is none.

    Where it was made because too much failed, what has failed so far is forgiven: the count begins anew.
    """
    row = tx.execute(select(holds).where(holds.c.id == id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no hold {id}")
    if row.released_at is None:
        _release(tx, row, by, reason)


def expire(tx: Connection) -> None:
    """Release the holds whose time is over."""
    for row in tx.execute(_EXPIRED).all():
        _release(tx, row, HUB, "its time was over")


EXPIRED = "from holds where released_at is null and until <= statement_timestamp()"
"""SQL: the holds whose time is over."""
_EXPIRED = text(f"select id, job_id, kind {EXPIRED} order by id for update")


def _release(tx: Connection, row: Row[tuple[object, ...]], by: str, reason: str | None) -> None:
    tx.execute(
        update(holds)
        .where(holds.c.id == row.id)
        .values(released_at=text("clock_timestamp()"), released_by=by, release_reason=reason)
    )
    if row.job_id is None or by != HUB:
        audit(tx, by, "hold.release", f"hold {row.id}", reason)
    if row.job_id is None:
        return
    tx.execute(_LOCK, {"job": row.job_id})
    record(tx, row.job_id, "Released", actor=by, reason=f"{reason or 'released'} (hold {row.id})")
    if row.kind in (TOLERANCE, BREAKER):
        tx.execute(_FORGIVE, {"job": row.job_id})
        new_windows(tx, [row.job_id])


def release_ended(tx: Connection, jobs: Collection[int]) -> None:
    """These jobs have ended: there is nothing left to hold."""
    if jobs:
        write(tx, _RELEASE_ENDED, {"jobs": sorted(jobs), "by": HUB})


_RELEASE_ENDED = text("""
    update holds set released_at = clock_timestamp(), released_by = :by, release_reason = 'its job has ended'
    where job_id = any(cast(:jobs as bigint[])) and released_at is null
""")
_LOCK = text("select from jobs where id = :job for update")
ENDED = "p.processed + p.skipped + p.failed + p.aborted + p.cancelled"
"""SQL: how many paths have come to their end, in a row ``p`` of progress."""
_FORGIVE = text(f"update progress p set forgiven = p.failed, ended_before = {ENDED} where job_id = :job")  # noqa: S608
_WINDOWS = (
    text(f"update progress p set window_from = {ENDED} where job_id = any(cast(:jobs as bigint[]))"),  # noqa: S608
    text("""
        update error_groups set window_paths = 0
        where job_id = any(cast(:jobs as bigint[])) and window_paths > 0
    """),
)


def new_windows(tx: Connection, job_ids: Collection[int]) -> None:
    """Begin the windows of these jobs' breakers anew."""
    for statement in _WINDOWS if job_ids else ():
        tx.execute(statement, {"jobs": sorted(job_ids)})
