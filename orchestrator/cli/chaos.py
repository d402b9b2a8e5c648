"""Break a stack of one's own on purpose, and see whether everything that is promised holds."""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from orchestrator.chaos import Injected, Report, opened, trial
from orchestrator.chaos.load import ACTIONS
from orchestrator.cli.interrupt import stopped_by_sigterm
from orchestrator.cli.output import put_facts, put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, Call, verb
from orchestrator.stack.scratch import Stage, running, stage, stage_in

EPILOG = """Examples:

  orchestrator chaos

  orchestrator chaos --seconds 300 --seed 7 --home /tmp/chaos
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "chaos", epilog=EPILOG)(chaos)


def chaos(
    call: Call,
    *,
    seconds: Annotated[float, typer.Option(min=5, max=86400, help="How long things are broken")] = 60.0,
    seed: Annotated[int | None, typer.Option(help="What the choices come from  [default: by chance]")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=100, help="How many go on at a time")] = 4,
) -> int:
    """Kill, freeze and empty the parts of a stack under load, and check every second that nothing is lost.

    It starts a stack of its own on a temporary home, and touches no other; with --home on that folder, which has to be
    new or empty, and stays to be looked at. Exit code 1 when an invariant was violated, a job did not end, or too
    little happened to prove anything.
    """
    chosen = secrets.randbelow(2**31) if seed is None else seed
    with stopped_by_sigterm(), _place(call) as made:
        if not call.json:
            say(f"seed {chosen}; starting a stack in {made.home} ...")
        with running(made, [made.files], actions=[ACTIONS]), opened(made.home) as target:
            began = time.time()

            def tell(one: Injected) -> None:
                if not call.json:
                    say(f"{one.at - began:6.1f} s  {one.name}")

            report = trial(target, made.files, made.folder / "ran", seconds=seconds, seed=chosen, jobs=jobs, tell=tell)
    if call.json:
        put_json(report.document())
    else:
        _show(report)
    return FAILED if report.problems else DONE


@contextmanager
def _place(call: Call) -> Generator[Stage]:
    if call.home is None:
        with stage("chaos") as made:
            yield made
    else:
        yield stage_in(call.home.expanduser().absolute())


def _show(report: Report) -> None:
    injected = {name: n for name, n in report.faults.items() if n}
    times = sorted(seconds for _, seconds in report.recoveries)
    say()
    put_facts(
        {
            "seed": report.seed,
            "faults": f"{sum(injected.values())}: {', '.join(f'{name} {n}' for name, n in injected.items())}",
            "next task ended after": f"{times[len(times) // 2]:.1f} s (median of {len(times)})" if times else None,
            "worst": f"{report.worst[1]:.1f} s, after: {report.worst[0]}" if report.worst else None,
            "invariants": f"asked {report.checks} times ({report.unanswered} times the database was away)",
            "jobs": ", ".join(f"{n} {state}" for state, n in report.jobs.items()),
            "all ended": f"{report.ended_after_s:.1f} s after the last fault (bound {report.bound_s:.0f} s)",
            "tasks": report.tasks,
            "paths": ", ".join(f"{n} {name}" for name, n in report.paths.items() if n),
            "runs": f"{report.runs}, of which {report.repeated} paths again by a later attempt",
        }
    )
    say()
    for problem in report.problems:
        warn(f"wrong: {problem}")
    if not report.problems:
        say("everything that must hold did", "bold green")
