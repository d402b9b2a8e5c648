"""W7: pause, resume, hold and cancel of a job with a million waiting tasks, and what that does to another job.

What so many do by being held is measured once the database has tidied up after the load; a cancel, as it comes.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from statistics import median

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, most, values
from benchmarks.stack import Stack, Unsound, names, started
from benchmarks.workloads.w1_chains import STEPS, WARM_UP, chains
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.wait import wait_until

WAITING, BESIDE = 1_000_000, 5_000
"""Tasks of the great job; batches of the job beside it."""
SLEEP_S = 0.05
"""What a task of the great job takes: so few are done meanwhile that the million still waits at the end."""
ACCEPTED_MS, PAUSED_S, CANCELLED_S = 100.0, 2.0, 30.0
_PATIENCE_S = 600.0


def control(plan: Plan) -> Iterator[Figure]:
    """One great job from its beginning to its cancel; the same small job alone and beside it."""
    waiting, beside = plan.size(WAITING, 100), plan.size(BESIDE, 10)
    size, small = f"{waiting:,} waiting", f"{beside:,} x {STEPS} beside"
    with started() as stack:
        plan.meet(stack)
        run = chains(stack)
        run(plan.size(WARM_UP))
        alone = plan.take_turns("W7", {"alone": plan.ours(stack, lambda: run(beside))})["alone"]
        yield Figure("W7", OURS, "throughput of a job alone", "tasks/s", values(alone), small, memory=most(alone))

        began = time.monotonic()
        job = stack.submit(stack.define({"name": "sleep", "seconds": SLEEP_S}), names(waiting))
        _until(lambda: stack.client.job(job)["progress"]["total_is_final"], "all to be found")
        yield Figure("W7", OURS, "until all is found and waits", "s", [time.monotonic() - began], size)

        hold = stack.client.request("POST", "/holds", {"scope": {"job": job}, "reason": "measured"})["id"]
        _until(lambda: not stack.client.job(job)["tasks"]["Started"], "what runs to end")
        stack.come_to_rest()
        held = plan.take_turns("W7", {"held": plan.ours(stack, lambda: run(beside))})["held"]
        over = ratios(values(held), values(alone))
        yield Figure("W7", OURS, "throughput with so many held, over alone", "x", over, size, at_least=0.95)
        stack.client.request("DELETE", f"/holds/{hold}", {"reason": "measured"})

        turns = values(plan.take_turns("W7", {OURS: plan.ours(stack, lambda: _paused_once(stack, job))})[OURS])
        for what, place, unit, bound in (
            ("pause accepted", 0, "ms", ACCEPTED_MS),
            ("resume accepted", 2, "ms", ACCEPTED_MS),
            ("paused, from the request", 1, "s", PAUSED_S),
        ):
            yield Figure("W7", OURS, what, unit, [one[place] for one in turns], size, at_most=bound)

        accepted, took, rates = _cancelled(stack, job, run, beside)
        yield Figure("W7", OURS, "cancel accepted", "ms", [accepted], size, at_most=ACCEPTED_MS)
        yield Figure("W7", OURS, "cancelled, from the request", "s", [took], size, at_most=CANCELLED_S)
        slower = [rate / median(values(alone)) for rate in rates]
        yield Figure("W7", OURS, "throughput during the cancel, over alone", "x", slower, size, at_least=0.8)


def _paused_once(stack: Stack, job: int) -> tuple[float, float, float]:
    """Pause while it runs, and resume: ms until accepted, s until ``Paused``, ms until the resume is accepted."""
    before = stack.client.job(job)["tasks"]["Success"]
    _until(lambda: stack.client.job(job)["tasks"]["Success"] > before, "the job to go on")
    began = time.monotonic()
    stack.client.request("POST", f"/jobs/{job}/pause", {"reason": "measured"})
    accepted = time.monotonic() - began
    _until(lambda: stack.client.job(job)["state"] == "Paused", "the job to be paused", 0.02)
    paused = time.monotonic() - began
    done = stack.client.job(job)["tasks"]["Success"]
    if wait_until(lambda: stack.client.job(job)["tasks"]["Success"] > done, 2.0):
        raise Unsound(f"job {job} went on although it was paused")
    again = time.monotonic()
    stack.client.request("POST", f"/jobs/{job}/resume", {"reason": "measured"})
    return accepted * 1000, paused, (time.monotonic() - again) * 1000


def _cancelled(stack: Stack, job: int, run: Callable[[int], float], beside: int) -> tuple[float, float, list[float]]:
    """Cancel: ms until accepted, s until ``Cancelled``, and the rates of jobs that run meanwhile, one after another."""
    began = time.time()
    stack.client.request("POST", f"/jobs/{job}/cancel", {"reason": "measured"})
    accepted = time.time() - began
    rates = [run(beside)]
    while (ended := stack.client.job(job))["state"] not in BATCH_JOB.terminal:
        if time.time() - began > _PATIENCE_S:
            raise Unsound(f"waited {_PATIENCE_S:.0f} s for job {job} to be cancelled")
        rates.append(run(beside))
    if ended["state"] != "Cancelled":
        raise Unsound(f"job {job} is {ended['state']}, not Cancelled")
    # Its own word for when that was: the other job may have taken longer.
    return accepted * 1000, datetime.fromisoformat(ended["ended_at"]).timestamp() - began, rates


def _until(so: Callable[[], bool], what: str, pause_s: float = 0.1) -> None:
    if not wait_until(so, _PATIENCE_S, pause_s):
        raise Unsound(f"waited {_PATIENCE_S:.0f} s for {what}")
