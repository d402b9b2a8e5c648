"""W3: discovery of a tree of a million small files, each with a chain of two no-ops, on a warm cache."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import commands
from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, Side, Taken, most, values
from benchmarks.stack import Stack, Unsound, started
from benchmarks.trees import A_FOLDER, many_files
from orchestrator.domain.batch_job import BATCH_JOB

FILES, STEPS = 1_000_000, 2
FIND, WALK = "find -printf", "os.walk and lstat"
_LOOK_S = 0.02


class Walked(NamedTuple):
    """Seconds from the request."""

    found: float
    """Until everything was found."""
    first: float
    """Until a task was running."""
    ended: float
    """Until all was done."""


def discovery(plan: Plan) -> Iterator[Figure]:
    """Beside what the system has for it."""
    files = plan.size(FILES, A_FOLDER)
    with many_files(files) as tree, started(roots=[tree]) as stack:
        plan.meet(stack)
        commands.find(tree)
        sides: dict[str, Side[Walked]] = {
            OURS: plan.ours(stack, lambda: _walked(stack, tree, files)),
            FIND: lambda: Taken(Walked(commands.find(tree), 0, 0)),
            WALK: lambda: Taken(Walked(commands.walk(tree), 0, 0)),
        }
        taken = plan.take_turns("W3", sides)
    size = f"{files:,} files"
    found = {who: [one.found for one in values(measured)] for who, measured in taken.items()}
    yield Figure("W3", OURS, "all found, by rules", "s", found[OURS], size, memory=most(taken[OURS]))
    yield Figure("W3", FIND, "all found", "s", found[FIND], size)
    yield Figure("W3", WALK, "all found", "s", found[WALK], size)
    yield Figure("W3", OURS, f"time over that of {FIND}", "x", ratios(found[OURS], found[FIND]), at_most=3)
    yield Figure("W3", OURS, f"time over that of {WALK}", "x", ratios(found[OURS], found[WALK]))
    first = [one.first for one in values(taken[OURS])]
    yield Figure("W3", OURS, "first task running", "s", first, at_most=1)
    yield Figure("W3", OURS, "all tasks done", "s", [one.ended for one in values(taken[OURS])])


def _walked(stack: Stack, tree: Path, files: int) -> Walked:
    workflow = stack.define(*["noop"] * STEPS, batch_size=1000, kind="file", discovery="recursive")
    began = time.monotonic()
    job = stack.submit(workflow, [bytes(tree)])
    found = first = 0.0
    while True:
        seen, now = stack.client.job(job), time.monotonic() - began
        if not first and seen["tasks"]["Started"] + seen["tasks"]["Success"]:
            first = now
        if not found and seen["progress"]["total_is_final"]:
            found = now
        if seen["state"] in BATCH_JOB.terminal:
            break
        time.sleep(_LOOK_S)
    stack.check(seen, files, STEPS)
    if seen["discovery"]["found"] != files + -(-files // A_FOLDER):
        raise Unsound(f"{seen['discovery']} is not every file and folder of {files} files")
    return Walked(found, first, now)
