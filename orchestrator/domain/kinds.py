"""The kinds of job, and the machine of each."""

from enum import StrEnum
from typing import Any

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.edit_job import EDIT_JOB, REVIEW_JOB, REWORK_JOB
from orchestrator.domain.people import PeopleMachine
from orchestrator.domain.task_group import GROUP_JOB, TASK_JOB


class Kind(StrEnum):
    """What kind of thing a job is; a person's task and a program's are the same kind of row."""

    BATCH = "batch"  # a run of a workflow over paths
    GROUP = "group"  # an ordered list of tasks
    TASK = "task"  # one of them
    EDIT = "edit"  # data that a person checks out, edits, and has merged
    CORRECTION = "correction"  # what it waits for: that faults are mended,
    REVIEW = "review"  # that somebody has looked at it,
    CONFLICT = "conflict"  # that what others changed meanwhile is reconciled


MACHINES: dict[Kind, PeopleMachine[Any, Any]] = {
    Kind.BATCH: BATCH_JOB,
    Kind.GROUP: GROUP_JOB,
    Kind.TASK: TASK_JOB,
    Kind.EDIT: EDIT_JOB,
    Kind.CORRECTION: REWORK_JOB,
    Kind.REVIEW: REVIEW_JOB,
    Kind.CONFLICT: REWORK_JOB,
}
EDITS = frozenset({Kind.EDIT, Kind.CORRECTION, Kind.REVIEW, Kind.CONFLICT})
"""Edit jobs, and the jobs that these wait for."""

STATES: tuple[str, ...] = tuple(dict.fromkeys(word for machine in MACHINES.values() for word in machine.words))
"""Every state that some job may be in."""

ENDS: frozenset[str] = frozenset(str(state) for machine in MACHINES.values() for state in machine.ends)
"""The states that are an end, whatever the kind: none of these words is an end for one kind and not for another."""
