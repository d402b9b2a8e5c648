"""Doing the same with many jobs: those that are named, or that filters choose."""

from datetime import datetime
from typing import Annotated, Any, get_args

import typer

from orchestrator.cli import complete, text
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, Call, usage
from orchestrator.client.many import Deed

JobIds = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="ID...", min=1, show_default=False, help="The jobs' numbers", autocompletion=complete.job_ids
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="In place of numbers: all jobs that match one value of each NAME (state, workflow, site, owner, kind, "
        "parent, created_after, created_before); repeatable",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many jobs that would be, and which not")]

_LISTS = ("state", "workflow", "site", "owner", "kind")
_TIMES = ("created_after", "created_before")
_DONE = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "redrive": "redriven",
    "hold": "held",
    "release": "released",
}
assert _DONE.keys() == set(get_args(Deed))  # noqa: S101 - a new deed needs its word


def one_of(jobs: list[int] | None, where: list[str] | None, *, dry_run: bool) -> int | None:
    """The job that is meant, where it is a single one that is named; None where it may be many."""
    if bool(jobs) == bool(where):
        raise usage("name jobs by their numbers, or by --where" + (", not by both" if where else ""))
    return jobs[0] if jobs and len(jobs) == 1 and not dry_run else None


def read_where(where: list[str]) -> dict[str, Any]:
    """Filters as the API takes them."""
    which: dict[str, Any] = {}
    for said in where:
        name, equals, value = said.partition("=")
        name = name.replace("-", "_")
        if not equals or not value:
            raise usage(f"--where {said!r}: say NAME=VALUE")
        if name in _LISTS:
            which.setdefault(name, []).append(value)
        elif name in which:
            raise usage(f"--where {said!r}: {name} can be said once")
        elif name in _TIMES:
            which[name] = _moment(said, value)
        elif name == "parent" and value.isdecimal():
            which[name] = int(value)
        else:
            raise usage(
                f"--where {said!r}: NAME is one of {', '.join((*_LISTS, 'parent', *_TIMES))}; parent is a number"
            )
    return which


def _moment(said: str, value: str) -> str:
    try:
        return datetime.fromisoformat(value).astimezone().isoformat()
    except ValueError:
        raise usage(f"--where {said!r}: give a time such as 2030-01-31T22:00") from None


def do_with_many(
    call: Call, deed: Deed, jobs: list[int] | None, where: list[str] | None, *, dry_run: bool, **said: object
) -> int:
    """Do it, and say with how many; the exit code is 1 where one that was named by its number was left out."""
    which = {"id": jobs} if jobs else read_where(where or [])
    with call.client() as client:
        done = client.bulk(deed, which, dry_run=dry_run, **said)
    code = FAILED if jobs and (done["skipped"] or done["matched"] < len(set(jobs))) else DONE
    if call.json:
        put_json(done)
        return code
    would = "would be " if dry_run else ""
    say(
        f"{done['matched']:,} jobs match: {done['changed']:,} {would}{_DONE[deed]}, "
        f"{done['unchanged']:,} were so already, {done['skipped']:,} left out"
    )
    if done["made"]:
        say(f"new {'holds' if deed == 'hold' else 'jobs'}: {', '.join(map(str, done['made']))}")
    for skip in done["skips"]:
        warn(f"  job {skip['job_id']} ({skip['state']}): {text.safe(skip['why'])}")
    if (more := done["skipped"] - len(done["skips"])) > 0:
        warn(f"  and {more:,} more")
    return code
