"""W9: the hub is killed (-9) with 100,000 tasks outstanding: how long until tasks are handed out again.

Once it is started again by who supervises it, once a second hub is there to take over.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil

from benchmarks.figures import Figure
from benchmarks.plan import OURS, Plan, values
from benchmarks.stack import Stack, Unsound, names, started
from orchestrator.stack.home import secret_of
from orchestrator.stack.lifeline import tied
from orchestrator.stack.wait import wait_until

TASKS = 100_000
RESTARTED_S, STANDBY_S = 3.0, 5.0
SLEEP_S = 0.05
"""What a task takes, so that there are always some that were just handed out and can be seen."""
_PATIENCE_S = 120.0


def recovery(plan: Plan) -> Iterator[Figure]:
    """Restarted, then with a standby."""
    tasks = plan.size(TASKS, 1_000)
    with started() as stack:
        plan.meet(stack)
        job = _outstanding(stack, tasks)
        size = f"{tasks:,} tasks waiting"
        restarted = plan.take_turns("W9", {OURS: plan.ours(stack, lambda: _killed(stack, job, stack.pids()["hub"]))})
        yield Figure(
            "W9", OURS, "handing out again, restarted", "s", values(restarted[OURS]), size, at_most=RESTARTED_S
        )
        again = plan.take_turns("W9", {OURS: plan.ours(stack, lambda: _with_standby(stack, job))})
        yield Figure("W9", OURS, "handing out again, standby", "s", values(again[OURS]), size, at_most=STANDBY_S)
        stack.client.request("POST", f"/jobs/{job}/cancel", {"force": True})
        if (ended := stack.end(job))["state"] != "Cancelled":
            raise Unsound(f"job {job} is {ended['state']}, not Cancelled")


def _outstanding(stack: Stack, tasks: int) -> int:
    """A job with so many tasks, all found, some done."""
    job = stack.submit(stack.define({"name": "sleep", "seconds": SLEEP_S}), names(tasks))
    _until(lambda: _begun(stack, job), "the job to be found and begun")
    return job


def _begun(stack: Stack, job: int) -> bool:
    seen = stack.client.job(job)
    return seen["progress"]["total_is_final"] and seen["tasks"]["Success"] > 0


def _killed(stack: Stack, job: int, hub: int) -> float:
    """Seconds from the kill to the first task that was handed out after it."""
    _until(lambda: _handed_out_since(stack, job, datetime.now(UTC).timestamp() - 1.0), "tasks to be handed out")
    os.kill(hub, signal.SIGKILL)
    killed = datetime.now(UTC).timestamp()
    again: list[float] = []

    def seen() -> bool:
        again.extend(filter(None, [_handed_out_since(stack, job, killed)]))
        return bool(again)

    _until(seen, "tasks to be handed out again")
    return again[0] - killed


def _with_standby(stack: Stack, job: int) -> float:
    """The same where another hub waits for the lock; the one that is started again then waits in its turn."""
    with _another_hub(stack) as another:
        active = stack.pids()["hub"]
        took = _killed(stack, job, active)
        _until(lambda: stack.pids().get("hub", active) != active, "the hub to be started again")
        _until(lambda: _connected(stack.pids()["hub"]), "the hub to wait for its turn")
    if psutil.pid_exists(another):
        raise Unsound(f"hub {another} did not end")
    return took


@contextmanager
def _another_hub(stack: Stack) -> Generator[int]:
    """A second ``python -m orchestrator.hub`` on the same database, waiting; its process."""
    told = {
        "ORCHESTRATOR_HOME": str(stack.stage.home),
        "ORCHESTRATOR_DATABASE_URL": stack.profile.database_url,
        "ORCHESTRATOR_REDIS_URL": stack.profile.redis_url,
        "ORCHESTRATOR_SECRET_FILE": str(secret_of(stack.stage.home)),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    command = tied([sys.executable, "-P", "-m", "orchestrator.hub"], signal.SIGTERM)
    with (stack.stage.folder / "standby.log").open("ab") as log:
        hub = subprocess.Popen(command, env=inherited | told, cwd=stack.stage.folder, stdout=log, stderr=log)
    with hub:
        try:
            _until(lambda: _connected(hub.pid), "the second hub to wait for its turn")
            yield hub.pid
        finally:
            hub.terminate()


def _connected(hub: int) -> bool:
    """Whether it has reached the database, where it then waits for the lock."""
    try:
        return any(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(hub).net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


def _handed_out_since(stack: Stack, job: int, since: float) -> float | None:
    """When the first of the tasks that are with the site now and were handed out after that moment was."""
    with_site = [
        task["dispatched_at"]
        for state in ("Started", "Pending")
        for task in stack.client.of_job(job, "tasks", state=state, limit=200)
        if task["dispatched_at"] is not None
    ]
    found = [datetime.fromisoformat(moment).timestamp() for moment in with_site]
    return min((moment for moment in found if moment > since), default=None)


def _until(so: Callable[[], object], what: str) -> None:
    if not wait_until(lambda: bool(so()), _PATIENCE_S, 0.02):
        raise Unsound(f"waited {_PATIENCE_S:.0f} s for {what}")
