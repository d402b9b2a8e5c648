"""What is said of a job on the command line, whether it is submitted now or by the clock."""

from typing import Annotated

import typer

from orchestrator.cli import complete

_SITE = typer.Option(metavar="NAME", help="The site at which the paths are", autocompletion=complete.sites)
Site = Annotated[str, _SITE]
MaybeSite = Annotated[str | None, _SITE]
Fields = Annotated[
    list[str] | None, typer.Option("--field", "-f", metavar="NAME=VALUE", help="A field of the workflow; repeatable")
]
Version = Annotated[int | None, typer.Option(metavar="N", min=1, help="This version of the workflow, not the newest")]
Queue = Annotated[str | None, typer.Option(metavar="NAME", help="A queue of the site other than default")]
Priority = Annotated[int | None, typer.Option(min=0, max=9, help="0 (last) to 9 (first); 5 unless given")]
Discovery = Annotated[
    str | None, typer.Option(metavar="METHOD", help="How paths are found, in place of the workflow's own way")
]

_WALKS = frozenset({"recursive", "changes", "listing"})


def walks(method: str | None) -> bool:
    """Whether a way of discovery goes by what is in the file system, so that a relative path is one of it."""
    return method in _WALKS
