"""Rows as the hub writes them, for the API to tell of."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, update

from orchestrator.contracts.paths import PathList, pack
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.chain import task_id
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables


def add_job(
    tx: Connection,
    *,
    state: JobState = JobState.STARTED,
    discovery: DiscoveryState = DiscoveryState.CLOSED,
    actions: Sequence[str] = ("fs.checksum", "noop"),
    counts: dict[str, int] | None = None,
    steps: Sequence[dict[str, int]] = (),
    **columns: Any,
) -> int:
    """A job of one rule, with its plan, its counters and its first two entries of history."""
    given = {"workflow": "copy", "workflow_version": 1, "site": "london", "owner": "admin", **columns}
    job = tx.execute(insert(tables.jobs).values(state=state, **given).returning(tables.jobs.c.id)).scalar_one()
    tx.execute(insert(tables.progress).values(job_id=job, **(counts or {})))
    for step, action in enumerate(actions):
        told = steps[step] if step < len(steps) else {}
        tx.execute(
            insert(tables.job_steps).values(
                job_id=job,
                rule=0,
                step=step,
                action=action,
                site=("london", "paris")[step % 2],
                queue="default",
                function="worker",
                params={},
                options={},
                **told,
            )
        )
    tx.execute(
        insert(tables.discoveries).values(
            job_id=job, method="recursive", rules=[], site="london", queue="default", state=discovery
        )
    )
    for seq, (event, before, after) in enumerate(
        [("Submitted", None, "Pending"), ("TaskStarted", "Pending", "Started")]
    ):
        tx.execute(
            insert(tables.history).values(
                job_id=job, seq=seq + 1, actor="admin", event=event, from_state=before, to_state=after
            )
        )
    return job


def add_chain(
    tx: Connection, job: int, paths: Sequence[bytes], states: Sequence[dict[str, Any]], sequence: int = 1
) -> int:
    """A batch and the tasks of its chain, counted; each step is given as the columns of its task. The batch's id."""
    row = {"job_id": job, "rule": 0, "subtree": 0, "sequence": sequence, "n": len(paths)}
    made = insert(tables.batches).values(**row, paths=pack(PathList(list(paths)))).returning(tables.batches.c.id)
    batch = tx.execute(made).scalar_one()
    for step, columns in enumerate(states):
        task: dict[str, Any] = {
            "id": task_id(batch, step),
            "job_id": job,
            "rule": 0,
            "state": TaskState.PENDING,
            **columns,
        }
        tx.execute(insert(tables.tasks).values(**task))
        counter = tables.job_steps.c[task["state"].lower()]
        its_step = (tables.job_steps.c.job_id == job) & (tables.job_steps.c.step == step)
        tx.execute(update(tables.job_steps).where(its_step).values({counter: counter + 1}))
    processed = tables.progress.c.processed + states[-1].get("processed", 0)
    tx.execute(update(tables.progress).where(tables.progress.c.job_id == job).values(processed=processed))
    return batch


def add_outcome(tx: Connection, job: int, task: int, index: int, outcome: str, path: bytes, message: str) -> None:
    """A path that was not processed."""
    tx.execute(
        insert(tables.outcomes).values(
            job_id=job,
            task_id=task,
            index=index,
            outcome=outcome,
            path=path,
            error_class="OSError",
            message=message,
            fingerprint="f",
        )
    )
