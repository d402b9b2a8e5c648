"""Removing the workspaces of jobs that need none: left by who died at the wrong moment, or by jobs that are deleted."""

from sqlalchemy import Engine, text

from orchestrator.domain.edit_job import EditState
from orchestrator.services.workspace import Workspaces

NEEDS_NONE = (
    *(EditState.PROPOSED, EditState.ALLOCATED),
    *(EditState.COMPLETED, EditState.ABANDONED, EditState.ARCHIVED),
)
"""The states in which an edit job has no data."""


def sweep(engine: Engine, workspaces: Workspaces) -> int:
    """Remove them; how many it were. A job is locked meanwhile, so that nobody makes it a new one."""
    gone = 0
    for job in workspaces.jobs():
        with engine.begin() as tx:
            state = tx.execute(_STATE, {"job": job}).scalar()
            if state is None or state in NEEDS_NONE:
                workspaces.discard(job)
                gone += 1
    workspaces.empty_discarded()
    return gone


_STATE = text("select state from jobs where id = :job and pruned_at is null for update")
