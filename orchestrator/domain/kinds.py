"""The kinds of job, and the machine of each."""

from enum import StrEnum
from typing import Any

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.people import PeopleMachine
from orchestrator.domain.task_group import GROUP_JOB, TASK_JOB


class Kind(StrEnum):
    """What kind of thing a job is; a person's task and a program's are the same kind of row."""

    BATCH = "batch"  # a run of a workflow over paths
    GROUP = "group"  # an ordered list of tasks
    TASK = "task"  # one of them
    EDIT = "edit"
    CORRECTION = "correction"
    REVIEW = "review"
    CONFLICT = "conflict"


MACHINES: dict[Kind, PeopleMachine[Any, Any]] = {Kind.BATCH: BATCH_JOB, Kind.GROUP: GROUP_JOB, Kind.TASK: TASK_JOB}
"""A kind without a machine can not be made."""

STATES: tuple[str, ...] = tuple(dict.fromkeys(word for machine in MACHINES.values() for word in machine.words))
"""Every state that some job may be in."""

ENDS: frozenset[str] = frozenset(str(state) for machine in MACHINES.values() for state in machine.terminal)
"""The states that are the end, whatever the kind: none of these words is an end for one kind and not for another."""
