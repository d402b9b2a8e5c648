"""Show a newcomer the whole of it in under a minute, on a temporary home: nothing stays behind."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.interrupt import stopped_by_sigterm
from orchestrator.cli.output import console, say, warn
from orchestrator.cli.text import duration
from orchestrator.cli.verb import DONE, FAILED, Call, usage, verb
from orchestrator.cli.watch import follow
from orchestrator.client import DocumentClient
from orchestrator.stack.demo import copying, make_files, reading
from orchestrator.stack.profile import read_profile
from orchestrator.stack.scratch import Stage, running, stage

EPILOG = """Examples:

  orchestrator demo

  orchestrator demo /usr/share/doc
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "demo", epilog=EPILOG)(demo)


def demo(
    call: Call,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", show_default=False, help="A folder of your own to read, in place of one made for the demo"
        ),
    ] = None,
) -> int:
    """See it work: start everything on a temporary home, run a two-step workflow with live bars, stop, clean up.

    Without FOLDER it makes some 300 small files, one of which can not be processed, so that you see one path fail
    alone. With FOLDER, that is read (checksums) and not changed. Exit code 0 if all went as it should.
    """
    if folder is not None and not folder.is_dir():
        raise usage(f"{folder}: there is no such folder")
    with stopped_by_sigterm(), stage("demo") as made:
        return _own_files(call, made) if folder is None else _given_files(call, made, folder.absolute())


def _own_files(call: Call, made: Stage) -> int:
    expected = make_files(made)
    _tell(call, f"Made {expected} paths below {made.files}: spaces, an emoji, and one link that leads out of it.")
    with _service(call, made, [made.files, made.copies]) as client:
        job = _run(call, client, copying(made.copies), made.files)
    copies = sum(len(files) for _, _, files in os.walk(made.copies))
    counts = job["paths"]
    outcome = (job["state"], counts["processed"], counts["failed"], copies)
    if outcome != ("Failure", expected - 1, 1, expected - 1):
        warn(f"not as it should be: one path was to fail, {expected - 1} were to be copied, and {copies} were")
        return FAILED
    _tell(
        call,
        "As it should be: the job ends Failure because one path failed, a link out of what the sites may touch;",
        f"nothing outside was read. The other {copies} paths went on, and their copies were in Paris.",
        "Next: `orchestrator up` in one shell, `orchestrator submit` in another.",
    )
    return DONE


def _given_files(call: Call, made: Stage, folder: Path) -> int:
    with _service(call, made, [folder]) as client:
        job = _run(call, client, reading(), folder)
    ended = sum(job["paths"][outcome] for outcome in ("processed", "skipped", "failed", "aborted"))
    if job["state"] == "Failure":
        _tell(call, "The job ends Failure because some paths failed; all the others were processed.")
    return DONE if ended == job["paths"]["total"] and job["state"] in ("Success", "Failure") else FAILED


def _run(call: Call, client: DocumentClient, definition: dict[str, Any], start: Path) -> dict[str, Any]:
    """Post the workflow, run it over the folder, show it; the job as it ended."""
    chain = " -> ".join(
        f"{action['name']} at {action.get('site', 'london')}" for action in definition["filter_rules"][0]["action"]
    )
    _tell(call, f"Workflow: {chain}, over {start}", "")
    client.apply_workflow(definition["name"], definition)
    job_id: int = client.submit(definition["name"], "london", [os.fsencode(start)])["id"]
    follow(client, job_id, as_json=call.json)
    return client.job(job_id)


@contextmanager
def _service(call: Call, made: Stage, roots: list[Path]) -> Generator[DocumentClient]:
    """A client of a stack that runs as long as this does."""
    with ExitStack() as kept:
        _tell(call, "Starting PostgreSQL, Redis, hub, API, and Celery workers for the sites london and paris ...")
        begun = time.monotonic()
        with console().status("starting") if sys.stdout.isatty() and not call.json else nullcontext():
            kept.enter_context(running(made, roots))
        _tell(call, f"Ready after {duration(time.monotonic() - begun)}.")
        profile = read_profile(made.home)
        yield kept.enter_context(DocumentClient(profile.url, profile.key))
        _tell(call)
        _tell(
            call, "Stopping, and removing what was made. Next: `orchestrator up`, then `orchestrator submit` elsewhere."
        )


def _tell(call: Call, *lines: str) -> None:
    """A part of the story, which a program that reads JSON does not want."""
    for line in () if call.json else lines:
        say(line)
