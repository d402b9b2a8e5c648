"""Task groups: their definitions, and the tools of a group job."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from orchestrator.client.ask import Ask, delete, get, keep, listed, make, only, post, said, segment
from orchestrator.client.operation import Listing, Operation, Starting
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class TaskGroups:
    """What has to do with task groups."""

    @Listing
    def task_groups(self, *, limit: int | None = None) -> Ask[Page[views.TaskGroup]]:
        """Definitions, by name."""
        return listed("/task-groups", views.TaskGroup, limit=limit)

    @Operation
    def task_group(self, name: str) -> Ask[views.TaskGroup]:
        """One definition."""
        return get(f"/task-groups/{segment(name)}", views.TaskGroup)

    @Operation
    def define_task_group(
        self, name: str, tasks: Sequence[Mapping[str, object]], label: str | None = None
    ) -> Ask[views.TaskGroup]:
        """Keep the definition of a task group."""
        return post("/task-groups", views.TaskGroup, {"name": name, "tasks": list(tasks)} | said(label=label))

    @Operation
    def apply_task_group(
        self, name: str, definition: Mapping[str, Any], *, over: datetime | None = None
    ) -> Ask[views.TaskGroup]:
        """Keep the definition of a task group, or replace the one of this name.

        Only while it was ``updated_at`` the time ``over``, if that is given; else Changed.
        """
        return only(keep("/task-groups", name, views.TaskGroup, definition), over and over.isoformat())

    @Operation
    def delete_task_group(self, name: str, *, over: datetime | None = None) -> Ask[None]:
        """Delete a definition, as ``apply_task_group`` has it; group jobs keep the lists that they have set."""
        return only(delete(f"/task-groups/{segment(name)}"), over and over.isoformat())

    @Starting
    def start_group(self, task_group: str, **more: object) -> Ask[views.Job]:
        """Start a group job; ``more`` is the rest of the body (name, advance, extent, attributes, priority, due_at)."""
        return make("/jobs", views.Job, {"task_group": task_group, **more})

    @Operation
    def task_list(self, job_id: int) -> Ask[views.TaskList]:
        """The tasks of a group job: ``items``, ``current_task``, ``percent_complete``."""
        return get(f"/jobs/{job_id}/task-list", views.TaskList)

    @Operation
    def set_task_list(self, job_id: int) -> Ask[views.TaskList]:
        """Let the tasks of the job's task group become its list; once. The list."""
        return post(f"/jobs/{job_id}/task-list", views.TaskList, {})

    @Operation
    def insert_task_group(
        self,
        job_id: int,
        task_group: str,
        at: Literal["next", "start", "end"] | int = "next",
        reason: str | None = None,
    ) -> Ask[views.TaskList]:
        """Let another group's tasks be done as well: after the current one, or where ``at`` says. The list."""
        body = {"task_group": task_group, "at": at, "reason": reason}
        return post(f"/jobs/{job_id}/insert-task-group", views.TaskList, body)

    @Operation
    def set_next_task(self, job_id: int) -> Ask[views.NextTask]:
        """Choose the first task that waits: ``current_task`` is its id, or None when none is left."""
        return post(f"/jobs/{job_id}/next-task", views.NextTask, {})

    @Operation
    def create_job_for_task(self, job_id: int) -> Ask[views.Job]:
        """The job of the current task; asked again it is the same."""
        return post(f"/jobs/{job_id}/task-job", views.Job, {})

    @Operation
    def set_task_status(self, job_id: int, parent_id: int, status: Literal["WORKING", "COMPLETE"]) -> Ask[views.Job]:
        """Begin a task, or complete it. ``job_id`` is the task's own job, ``parent_id`` the group job's; the job."""
        return post(f"/jobs/{job_id}/task-status", views.Job, {"status": status, "parent_id": parent_id})

    @Operation
    def cancel_remaining_tasks(self, job_id: int, reason: str | None = None) -> Ask[views.TaskList]:
        """Cancel the tasks that wait; what is under way still finishes. The list."""
        return post(f"/jobs/{job_id}/cancel-remaining-tasks", views.TaskList, {"reason": reason})

    @Operation
    def durations(self, **of: object) -> Ask[views.DurationReport]:
        """How long tasks of task groups took: ``task_group``, ``parent``."""
        return get("/reports/durations", views.DurationReport, **of)
