"""Submitting: a request becomes a job with its plan, its discovery and its walks."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.names import PEOPLE
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.submission import chunks, part
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.errors import Conflict, Fault, Invalid
from orchestrator.services.depend import depend
from orchestrator.services.limits import max_running_of
from orchestrator.services.name_paths import are_names
from orchestrator.services.order import GIVEN, STREAM, Order, read_order
from orchestrator.services.plan import PlannedStep, rule_orders
from orchestrator.services.recall import CHANGES, recall
from orchestrator.services.users import ensure_groups
from orchestrator.storage.copy import copy_in
from orchestrator.storage.history import record
from orchestrator.storage.tables import discoveries, forecasts, job_steps, jobs, progress, streams, walks

MOST_WALKS = 8
"""So many a job begins with; walkers that are idle share what the others have before them."""


class Submitted(NamedTuple):
    """A job, and whether this request made it (False: the request is a repetition)."""

    job_id: int
    created: bool


def submit(
    tx: Connection,
    body: object,
    owner: str,
    idempotency_key: str | None = None,
    *,
    parent: int | None = None,
    reason: str | None = None,
) -> Submitted:
    """Make a job of a request body (decoded JSON), as part of the transaction; ``parent`` is the job it is a part of.

    ``reason`` is what its history says of why, where nobody did it by hand. The same key with the same body again is
    the same job. Raises Conflict for the same key with another body and for a workflow that is disabled, Invalid with
    places in the body for everything else that is wrong.
    """
    digest = body_digest(body)
    if idempotency_key is not None and (job := repeated(tx, owner, idempotency_key, digest)) is not None:
        return Submitted(job, created=False)
    order = read_order(tx, body)
    job = _add_job(tx, order, owner, idempotency_key, digest, parent)
    if job is None:  # another request with the same key came first, and is committed by now
        job = repeated(tx, owner, cast(str, idempotency_key), digest)
        assert job is not None  # noqa: S101 - jobs keep their keys
        return Submitted(job, created=False)
    _add_plan(tx, job, order.steps)
    _add_discovery(tx, job, order)
    tx.execute(insert(progress).values(job_id=job))
    if order.submission.depends_on:
        depend(tx, job, order.submission.depends_on)
    event, state = BATCH_JOB.start
    record(tx, job, event, actor=owner, after=state, reason=reason)
    return Submitted(job, created=True)


def body_digest(body: object) -> bytes:
    """The body's meaning, not its spelling; Invalid when it can not be JSON."""
    try:
        return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()
    except (OverflowError, RecursionError, TypeError, UnicodeEncodeError) as error:
        raise Invalid("the job can not be taken", [Fault("$", f"has a value that can not be kept: {error}")]) from None


def repeated(tx: Connection, owner: str, key: str, digest: bytes) -> int | None:
    """The job that this key has made before; Conflict when that was with another body."""
    row = tx.execute(
        select(jobs.c.id, jobs.c.request_hash).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
    ).one_or_none()
    if row is None:
        return None
    if bytes(row.request_hash) != digest:
        raise Conflict(f"this Idempotency-Key was used with another body, for job {row.id}")
    return row.id


def _add_job(
    tx: Connection, order: Order, owner: str, key: str | None, digest: bytes, parent: int | None
) -> int | None:
    """The new job's id, or None when the key is taken."""
    return tx.execute(
        insert_or_not(jobs)
        .values(
            parent_id=parent,
            workflow=order.workflow.name,
            workflow_version=order.version,
            site=order.submission.site,
            queue=order.submission.queue,
            priority=order.submission.priority,
            owner=owner,
            fields=order.values,
            not_before=order.submission.not_before,
            deadline=order.submission.deadline,
            name=order.submission.name,
            due_at=order.submission.due_at,
            extent=order.submission.extent,
            attributes=order.submission.attributes,
            limits=None if order.submission.dry_run else order.workflow.limits,
            max_running=max_running_of(order.workflow, order.submission.max_running),
            state=BATCH_JOB.start[1],
            idempotency_key=key,
            request_hash=digest,
        )
        .on_conflict_do_nothing(index_elements=[jobs.c.owner, jobs.c.idempotency_key])
        .returning(jobs.c.id)
    ).scalar_one_or_none()


def _add_plan(tx: Connection, job: int, steps: Sequence[PlannedStep]) -> None:
    tx.execute(insert(job_steps), [{"job_id": job, **step._asdict()} for step in steps])
    ensure_groups(tx, [step.queue for step in steps if step.function == PEOPLE and step.queue])


def _starts(paths: PathList) -> Iterator[PathList]:
    """The starting paths, dealt out to a few walks: a thousand files are no thousand walks."""
    each = max(1, -(-len(paths) // MOST_WALKS))
    return (part(paths, place, place + each) for place in range(0, len(paths), each))


def _add_discovery(tx: Connection, job: int, order: Order) -> None:
    paths, state = order.paths, DISCOVERY.start[1]
    parts = chunks(paths) if order.method == GIVEN else _starts(paths)
    by_hub = order.method == GIVEN and are_names(paths)
    rows = [(job, subtree, pack(start), state, by_hub) for subtree, start in enumerate(parts)]
    memory = recall(tx, job, order) if order.method == CHANGES else None
    if order.method in (CHANGES, STREAM):  # the hub's own part in it
        rows.append((job, len(rows), pack(PathList([])), state, True))
    tx.execute(
        insert(discoveries).values(
            job_id=job,
            method=order.method,
            options=order.options,
            rules=msgspec.to_builtins(rule_orders(order.workflow)),
            site=order.submission.site,
            queue=order.submission.queue,
            memory=memory,
            state=state,
            waiting=len(rows),
        )
    )
    if order.method == STREAM:
        tx.execute(insert(streams).values(job_id=job))
    copy_in(tx, walks, ("job_id", "subtree", "input", "state", "by_hub"), rows)
    if order.submission.dry_run:
        rules = range(len(order.workflow.filter_rules))
        tx.execute(insert(forecasts), [{"job_id": job, "rule": rule} for rule in rules])
