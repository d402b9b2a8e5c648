"""W4: the checksum (SHA-256) of every file in a tree of 4 GiB, by two worker processes, on a warm cache."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import commands
from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, Side, Taken, most, values
from benchmarks.stack import Stack, started
from benchmarks.trees import MIB, mixed_sizes, sizes

BYTES = 4096 * MIB
BATCH = 50
"""Files in a batch, as in one call of the other."""
XARGS = "find | xargs -P2 -n 50 sha256sum"


def checksum(plan: Plan) -> Iterator[Figure]:
    """Beside ``sha256sum``."""
    total = plan.size(BYTES, MIB)
    files = len(sizes(total))
    with mixed_sizes(total) as tree, started(roots=[tree]) as stack:
        plan.meet(stack)
        commands.sha256sum(tree)
        sides: dict[str, Side[float]] = {
            OURS: plan.ours(stack, lambda: _summed(stack, tree, files)),
            XARGS: lambda: Taken(commands.sha256sum(tree)),
        }
        taken = plan.take_turns("W4", sides)
    mine, theirs = values(taken[OURS]), values(taken[XARGS])
    size = f"{total / MIB:,.0f} MiB in {files:,} files"
    yield Figure("W4", OURS, "all summed, by rules", "s", mine, size, memory=most(taken[OURS]))
    yield Figure("W4", XARGS, "all summed", "s", theirs, size)
    yield Figure("W4", OURS, "time over that of sha256sum", "x", ratios(mine, theirs), at_most=1.1)


def _summed(stack: Stack, tree: Path, files: int) -> float:
    workflow = stack.define("fs.checksum", batch_size=BATCH, kind="file", discovery="recursive")
    seconds, job = stack.timed(workflow, [bytes(tree)])
    stack.check(job, files, 1)
    return seconds
