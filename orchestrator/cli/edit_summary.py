"""What is shown of one edit job, or of a job that one waits for."""

from typing import Any

from orchestrator.cli.output import cell, put_facts, say
from orchestrator.cli.text import duration, path, when

SHOWN_FAILURES = 20


def show_edit(job: dict[str, Any]) -> None:
    """Whose it is, where it stands, when it was to be done, and what is wrong with it."""
    stage = job["stage"] and job["stage"] + (f" (job {job['step_job_id']})" if job["step_job_id"] else "")
    put_facts(
        {
            "job": job["id"],
            "kind": job["kind"],
            "name": job["name"],
            "state": cell(job["state"]),
            "stage": stage,
            "reason": job["reason"],
            "type": f"{job['job_type']} (version {job['job_type_version']})",
            "part of": job["parent_id"],
            "with": job["assignee"],
            "group": job["group"],
            "priority": job["priority"],
            "planner": job["owner"],
            "created": when(job["created_at"]),
            "to be begun": _planned(job["planned_start"], late=job["start_overdue"]),
            "to be done": _planned(job["due_at"], late=job["overdue"]),
            "begun": _planned(job["started_at"]),
            "ended": _planned(job["ended_at"]),
            "time spent": duration(job["time_spent_s"]) if job["time_spent_s"] else None,
            "decision": job["decision"],
            "you may": ", ".join(job["legal_events"]) or None,
        }
    )
    for failure in (job["failures"] or ())[:SHOWN_FAILURES]:
        said = failure["message"] or "is wrong"
        say(f"  {said if failure['path'] is None else f'{path(failure)}: {said}'}", "red")


def _planned(moment: str | None, *, late: bool = False) -> str | None:
    return moment and when(moment) + (" OVERDUE" if late else "")
