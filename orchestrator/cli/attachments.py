"""Files that belong to jobs: put there, listed, fetched and deleted."""

import mimetypes
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId

Attachment = Annotated[int, typer.Argument(metavar="FILE_ID", min=1, help="The file's number")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``attachment``."""
    group = typer.Typer(name="attachment", help="Files that belong to jobs.", no_args_is_help=True)
    verb(group, "add", epilog="Example:  orchestrator attachment add 12 sheet-12.pdf")(add)
    verb(group, "list", epilog="Example:  orchestrator attachment list 12")(list_attachments)
    verb(group, "fetch", epilog="Example:  orchestrator attachment fetch 12 3 --to /tmp")(fetch)
    verb(group, "delete", epilog="Example:  orchestrator attachment delete 12 3")(delete)
    app.add_typer(group)


def add(
    call: Call,
    job_id: JobId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file")],
    *,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is to be called, if not as here")] = None,
) -> None:
    """Let a file belong to a job."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    with call.client() as client:
        kept = client.attach(job_id, name or file.name, content, media_type)
    call.put(kept, f"file {kept['id']} of job {job_id}: {text.safe(kept['name'])}, {text.size(kept['size'])}")


def list_attachments(call: Call, job_id: JobId) -> None:
    """List the files of a job, the oldest first."""
    with call.client() as client:
        call.put_list(
            client.attachments(job_id),
            ["file#", "name~", "size#", "kind", "by", "at"],
            lambda one: (
                one["id"],
                one["name"],
                text.size(one["size"]),
                one["media_type"],
                one["added_by"],
                text.when(one["added_at"]),
            ),
            empty=f"no file belongs to job {job_id}",
        )


def fetch(
    call: Call,
    job_id: JobId,
    attachment: Attachment,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="PATH", help="The folder, or the name of the file, to put it")
    ] = Path(),
) -> None:
    """Fetch a file of a job. Cut short, it goes on where it was."""
    if not (to.is_dir() or to.parent.is_dir()):
        raise usage(f"{to}: there is no folder {to.parent}")
    with call.client() as client:
        file = client.fetch_attachment(job_id, attachment, to)
    call.put({"file": str(file)}, text.safe(str(file)))


def delete(call: Call, job_id: JobId, attachment: Attachment) -> None:
    """Delete a file of a job: one's own, and as a planner others', too."""
    with call.client() as client:
        answer = client.delete_attachment(job_id, attachment)
    call.put(answer, f"file {attachment} of job {job_id} is deleted")
