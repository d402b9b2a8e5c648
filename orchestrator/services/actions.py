"""What the events of every kind of job do, for ``fire``."""

from collections.abc import Mapping

from orchestrator.domain.kinds import Kind
from orchestrator.services import batch_events, child_events, edit_events, group_tools, task_job_events
from orchestrator.services.fire import Actions

ACTIONS: Mapping[Kind, Actions] = {
    Kind.BATCH: batch_events.ACTIONS,
    Kind.GROUP: group_tools.ACTIONS,
    Kind.TASK: task_job_events.ACTIONS,
    Kind.EDIT: edit_events.ACTIONS,
    Kind.CORRECTION: child_events.REWORK,
    Kind.CONFLICT: child_events.REWORK,
    Kind.REVIEW: child_events.REVIEW,
}
