"""Draw a job that is under way: what was found so far, and a bar for the whole and for each step."""

from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from orchestrator.cli.text import duration, number, safe
from orchestrator.domain.task import TASK

ENDED = tuple(state for state in TASK.words if TASK.state(state) in TASK.ends)
FAILED = ("Error", "Failure")


def step_counts(step: dict[str, Any]) -> tuple[int, int, int, int]:
    """Of one step, how many tasks there are so far, and how many ended, run and failed."""
    ended = sum(step[state] for state in ENDED)
    return ended + step["Pending"] + step["Started"], ended, step["Started"], sum(step[state] for state in FAILED)


def step_name(step: dict[str, Any]) -> str:
    """A step as it is called everywhere: its place in the chain, its action and, where it is known, its site."""
    return safe(
        f"{step['step']} {step.get('label') or step['action']}" + (f" @{step['site']}" if step.get("site") else "")
    )


def found(job: dict[str, Any]) -> str:
    """What discovery has found, and whether it is still looking."""
    looking = {
        "Waiting": "discovery has not begun",
        "Running": "discovery goes on",
        "Stopped": "discovery is stopped",
        "Closed": "that is all",
        "Broken": "discovery broke",
    }
    discovery = job["discovery"]
    more = job["paths"].get("unmatched", 0)
    return f"found {number(discovery['found'])} ({looking[discovery['state']]})" + (
        f", {number(more)} took no rule" if more else ""
    )


class _Rate(ProgressColumn):
    """How many a second, lately, and the time left at that."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rate = "" if not speed else f"{speed:,.1f}/s" if speed < 100 else f"{speed:,.0f}/s"
        left = task.fields.get("left")
        if left is None and not task.finished and task.fields.get("final"):
            left = task.time_remaining
        return Text(rate + (f"  {duration(left)} left" if left is not None and not task.finished else ""), style="dim")


class Bars:
    """The live picture of one job, to be given to Rich; ``update`` takes each newer document of it."""

    def __init__(self) -> None:
        self._head = Text()
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[counts]}", markup=False),
            _Rate(),
            speed_estimate_period=10.0,
        )
        self._whole: TaskID | None = None
        self._steps: dict[tuple[int, int], TaskID] = {}

    def update(self, job: dict[str, Any]) -> None:
        """Take the job's newest document."""
        self._head = Text(f"job {job['id']} {safe(str(job['workflow']))}: {job['state']}, {found(job)}")
        final = bool(job["progress"]["total_is_final"])
        self._update_whole(job, final)
        for step in job["steps"]:
            self._update_step(step, final)

    def _update_whole(self, job: dict[str, Any], final: bool) -> None:
        progress = job["progress"]
        if self._whole is None:
            self._whole = self._progress.add_task("paths", total=None, counts="", left=None, final=final)
        self._progress.update(
            self._whole,
            completed=progress["done"],
            total=progress["total"] or None,
            counts=f"{number(progress['done'])} of {number(progress['total'])}{'' if final else '+'}",
            final=final,
        )

    def _update_step(self, step: dict[str, Any], final: bool) -> None:
        total, ended, running, failed = step_counts(step)
        key = (step.get("rule", 0), step["step"])
        if key not in self._steps:
            self._steps[key] = self._progress.add_task(step_name(step), total=None, counts="", left=None, final=final)
        counts = f"{number(ended)} of {number(total)} tasks"
        counts += f", {running} running" if running else ""
        counts += f", {failed} failed" if failed else ""
        self._progress.update(self._steps[key], completed=ended, total=total or None, counts=counts, final=final)

    def __rich__(self) -> RenderableType:
        return Group(self._head, self._progress)


def line(job: dict[str, Any]) -> str:
    """The same as one line of text, for where there is no terminal."""
    progress = job["progress"]
    parts = [f"job {job['id']} {job['state']}", found(job), f"{progress['done']}/{progress['total']} paths"]
    for step in job["steps"]:
        total, ended, running, failed = step_counts(step)
        text = f"{step_name(step)}: {ended}/{total}"
        text += f" {running} running" if running else ""
        parts.append(text + (f" {failed} failed" if failed else ""))
    return "; ".join(parts)
