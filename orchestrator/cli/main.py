"""The program ``orchestrator``: every command, gathered from the files of this folder."""

import sys
from collections.abc import Collection
from importlib import import_module

import typer

from orchestrator.cli.verb import set_globals

HELP = """Work over very many paths at several sites: workflows, jobs, and the service that runs them.

Begin with `orchestrator demo`, or `orchestrator up` and then `orchestrator submit` in another shell.
"""

EPILOG = """Exit codes: 0 done, 1 the job or the request failed, 2 wrong usage, 3 the service can not be reached.

Variables: ORCHESTRATOR_HOME, ORCHESTRATOR_URL, ORCHESTRATOR_KEY.
"""

SUBJECTS = {
    "stack": {"up", "down"},
    "demo": {"demo"},
    "submit": {"submit"},
    "stream": {"stream"},
    "jobs": {"jobs", "job", "tasks", "paths", "history"},
    "errors": {"errors"},
    "logs": {"logs", "task"},
    "export": {"export"},
    "watch": {"watch"},
    "forecast": {"forecast"},
    "events": {"events"},
    "change": {"change"},
    "control": {"pause", "resume", "cancel", "redrive", "retry", "why"},
    "holds": {"hold"},
    "schedules": {"schedule"},
    "worklist": {"worklist", "do"},
    "edits": {"package", "edits"},
    "attachments": {"attachment"},
    "workflows": {"workflows", "workflow"},
    "sites": {"sites", "site"},
    "plugin": {"plugin"},
    "worker": {"worker"},
    "task_groups": {"group"},
    "edit_jobs": {"job-type", "edit"},
    "keys": {"key"},
    "users": {"user"},
    "audit": {"audit"},
    "webhooks": {"webhook"},
    "database": {"db"},
    "doctor": {"doctor"},
    "chaos": {"chaos"},
    "completion": {"completion"},
}
"""Each file, and the commands in it, in the order in which help shows them."""


def make_app(words: Collection[str] = ()) -> typer.Typer:
    """The program with the commands that are among these words, or with all when none is.

    A file is imported only for its commands: to list jobs should not take the time of loading what starts databases.
    """
    app = typer.Typer(name="orchestrator", help=HELP, epilog=EPILOG, no_args_is_help=True, rich_markup_mode="markdown")
    app.callback()(set_globals)
    named = [subject for subject, commands in SUBJECTS.items() if not commands.isdisjoint(words)]
    for subject in named or SUBJECTS:
        import_module(f"orchestrator.cli.{subject}").add_to(app)
    return app


def main() -> None:
    """Run the command line; exits with its code."""
    make_app(sys.argv[1:])(prog_name="orchestrator")


if __name__ == "__main__":
    main()
