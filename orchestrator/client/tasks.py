"""Tasks, and what people do with those of manual steps."""

from typing import Literal

from orchestrator.client.ask import Ask, Flow, Steps, get, listed, make, post, said, segment
from orchestrator.client.operation import Listing, Operation, Several, Starting
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Tasks:
    """What has to do with tasks and worklists."""

    @Listing
    def tasks(self, job_id: int, *, limit: int | None = None, **filters: object) -> Ask[Page[views.Task]]:
        """A job's tasks: ``state``, ``step``, ``site``."""
        return listed(f"/jobs/{job_id}/tasks", views.Task, limit=limit, **filters)

    @Operation
    def task(self, task_id: int) -> Ask[views.ManualTask]:
        """One task."""
        return get(f"/tasks/{task_id}", views.ManualTask)

    @Operation
    def why_task(self, task_id: int) -> Ask[views.Why]:
        """What holds it up, and what would free it."""
        return get(f"/tasks/{task_id}/why", views.Why)

    @Listing
    def task_log(self, task_id: int, *, limit: int | None = None, **filters: object) -> Ask[Page[views.LogLine]]:
        """What it has logged: ``level``, ``after``."""
        return listed(f"/tasks/{task_id}/log", views.LogLine, limit=limit, **filters)

    @Listing
    def task_paths(self, task_id: int, *, limit: int | None = None) -> Ask[Page[views.TaskPath]]:
        """The paths that it was given, and what was decided of each."""
        return listed(f"/tasks/{task_id}/paths", views.TaskPath, limit=limit)

    @Listing
    def task_history(self, task_id: int, *, limit: int | None = None) -> Ask[Page[views.TaskEvent]]:
        """What people did with it, oldest first."""
        return listed(f"/tasks/{task_id}/history", views.TaskEvent, limit=limit)

    @Starting
    def retry(self, task_id: int, reason: str | None = None) -> Ask[views.Job]:
        """Try a single task again: a new job with only what stopped in it, once its job has ended; the job."""
        return make(f"/tasks/{task_id}/retry", views.Job, {"reason": reason})

    @Operation
    def fire_at_task(self, task_id: int, event: str, **said: object) -> Ask[views.ManualTask]:
        """Claim a task of a manual step, decide it, or give it back; the task as it then is."""
        return post(f"/tasks/{task_id}/actions/{segment(event)}", views.ManualTask, said)

    @Several
    def decide(self, job_id: int, answer: Literal["accept", "reject"], **which: object) -> Flow[views.Decided]:
        """Decide all that waits for people in a job, but what others have claimed: how much that was.

        ``which`` are ``step``, ``rule``, ``include`` and ``exclude`` (globs); ``comment`` says why.
        """

        def rounds() -> Steps:
            done = {"tasks": 0, "paths": 0, "next": 0}
            while done["next"] is not None:
                body = said(answer=answer, after=done["next"], **which)
                more = yield post(f"/jobs/{job_id}/decisions", views.Decided, body)
                done = {
                    "tasks": done["tasks"] + more["tasks"],
                    "paths": done["paths"] + more["paths"],
                    "next": more["next"],
                }
            return done

        return Flow(views.Decided, rounds())

    @Listing
    def worklist(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.WorklistItem]]:
        """What waits for whoever asks: ``group``, ``all``."""
        return listed("/worklist", views.WorklistItem, limit=limit, **filters)
