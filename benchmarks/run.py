"""Measure, and print the table: ``python -m benchmarks.run [W1 W2 ...] [--peers] [--scale 0.1] [--out FILE]``."""

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks.figures import Figure, Missing
from benchmarks.machine import machine
from benchmarks.peer import PEERS
from benchmarks.plan import OURS, Plan
from benchmarks.stack import Unsound
from benchmarks.table import Results, markdown
from benchmarks.workloads import WORKLOADS
from orchestrator.errors import OrchestratorError


def main() -> int:
    """Run what was asked for; 1 when something of ours could not be measured, or did not come out right."""
    asked = _arguments()
    plan = Plan(asked.repeats, asked.scale, asked.full, [PEERS[name] for name in asked.peers], _say)
    command = shlex.join(["python", "-m", "benchmarks.run", *sys.argv[1:]])
    figures: list[Figure] = []
    results = Results({}, command, figures, plan.missing)
    for name in asked.workloads:
        try:
            for figure in WORKLOADS[name](plan):
                figures.append(figure)
                _say(f"{figure.workload} {figure.who}: {figure.what} {figure.median:,.3f} {figure.unit}")
        except (Unsound, OrchestratorError) as failed:
            plan.missing.append(Missing(name, OURS, str(failed)))
            _say(f"{name}: {failed}")
        results = Results(machine() | plan.versions, command, figures, plan.missing)
        if asked.out:
            asked.out.write_text(results.json())
    print(markdown(results), end="")
    return int(any(one.who == OURS for one in plan.missing))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="W", help=f"which: {' '.join(WORKLOADS)}; default all")
    parser.add_argument("--peers", nargs="?", const="all", default="", help="beside them: all, or names with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="of every size; 0.01 is for trying it out")
    parser.add_argument("--repeats", type=int, default=3, help="of everything; the median counts")
    parser.add_argument("--full", action="store_true", help="the largest sizes too")
    parser.add_argument("--out", type=Path, help="write the results there as JSON")
    asked = parser.parse_args()
    asked.peers = list(PEERS) if asked.peers == "all" else [name for name in asked.peers.split(",") if name]
    for unknown in [name for name in asked.peers if name not in PEERS]:
        parser.error(f"no peer {unknown!r}: there are {', '.join(PEERS)}")
    for unknown in [name for name in asked.workloads if name not in WORKLOADS]:
        parser.error(f"no workload {unknown!r}: there are {', '.join(WORKLOADS)}")
    asked.workloads = asked.workloads or list(WORKLOADS)
    return asked


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
