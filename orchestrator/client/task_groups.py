"""Task groups: their definitions, and the tools of a group job."""

from collections.abc import Mapping, Sequence
from typing import Literal

from orchestrator.client.ask import Asker, Document, segment


class TaskGroups(Asker):
    """The part of the client that has to do with task groups."""

    def define_task_group(self, name: str, tasks: Sequence[Mapping[str, object]], label: str | None = None) -> Document:
        """Keep the definition of a task group."""
        body = {"name": name, "tasks": list(tasks)} | ({} if label is None else {"label": label})
        return self.request("POST", "/task-groups", body)

    def apply_task_group(self, name: str, definition: Document) -> Document:
        """Keep the definition of a task group, or replace the one of this name."""
        return self.keep("/task-groups", name, definition)

    def delete_task_group(self, name: str) -> Document:
        """Delete a definition; group jobs keep the lists that they have set."""
        return self.request("DELETE", f"/task-groups/{segment(name)}")

    def start_group(self, task_group: str, **more: object) -> Document:
        """Start a group job; ``more`` is the rest of the body (name, advance, extent, attributes, priority, due_at)."""
        return self.request("POST", "/jobs", {"task_group": task_group, **more})

    def task_list(self, job_id: int) -> Document:
        """The tasks of a group job: ``items``, ``current_task``, ``percent_complete``."""
        return self.request("GET", f"/jobs/{job_id}/task-list")

    def set_task_list(self, job_id: int) -> Document:
        """Let the tasks of the job's task group become its list; once. The list."""
        return self.request("POST", f"/jobs/{job_id}/task-list", {})

    def insert_task_group(
        self,
        job_id: int,
        task_group: str,
        at: Literal["next", "start", "end"] | int = "next",
        reason: str | None = None,
    ) -> Document:
        """Let another group's tasks be done as well: after the current one, or where ``at`` says. The list."""
        body = {"task_group": task_group, "at": at, "reason": reason}
        return self.request("POST", f"/jobs/{job_id}/insert-task-group", body)

    def set_next_task(self, job_id: int) -> int | None:
        """Choose the first task that waits; its id, or None when none is left."""
        return self.request("POST", f"/jobs/{job_id}/next-task", {})["current_task"]

    def create_job_for_task(self, job_id: int) -> Document:
        """The job of the current task; asked again it is the same."""
        return self.request("POST", f"/jobs/{job_id}/task-job", {})

    def set_task_status(self, job_id: int, parent_id: int, status: Literal["WORKING", "COMPLETE"]) -> Document:
        """Begin a task, or complete it. ``job_id`` is the task's own job, ``parent_id`` the group job's; the job."""
        return self.request("POST", f"/jobs/{job_id}/task-status", {"status": status, "parent_id": parent_id})

    def cancel_remaining_tasks(self, job_id: int, reason: str | None = None) -> Document:
        """Cancel the tasks that wait; what is under way still finishes. The list."""
        return self.request("POST", f"/jobs/{job_id}/cancel-remaining-tasks", {"reason": reason})
