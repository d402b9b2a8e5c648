"""Attaching files to jobs: a row in the database, the file in its folder, and an entry of the job's history."""

from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.errors import Conflict, Forbidden, NotFound
from orchestrator.services.keys import Caller
from orchestrator.storage.files import Files, Received
from orchestrator.storage.history import record

MOST = 100
"""Of one job."""


def attach(tx: Connection, files: Files, job: int, received: Received, name: str, media_type: str, who: Caller) -> int:
    """Keep a file that has come in; its id.

    NotFound; Forbidden; Conflict for a name that is there, or one file too many.
    """
    _lock(tx, job, who)
    there = tx.execute(_THERE, {"job": job, "name": name}).one()
    if there.same:
        raise Conflict(f"job {job} has an attachment {name!r} already: delete it first")
    if there.n >= MOST:
        raise Conflict(f"job {job} has {MOST} attachments, which is the most")
    values = {
        "job": job, "name": name, "media_type": media_type, "size": received.size, "sha256": received.sha256,
        "by": who.user,
    }  # fmt: skip
    id: int = tx.execute(_ADD, values).scalar_one()
    files.keep(received, job, id)
    record(tx, job, "AttachmentAdded", actor=who.user, comment=name)
    return id


def detach(tx: Connection, job: int, attachment: int, who: Caller) -> None:
    """Forget it; its file is to be removed once that is committed. Forbidden for another's, but to planners."""
    _lock(tx, job, who)
    row = found(tx, job, attachment)
    if row.added_by != who.user and not who.person.leads:
        raise Forbidden(f"the attachment {row.name!r} is {row.added_by}'s")
    tx.execute(_FORGET, {"id": attachment})
    record(tx, job, "AttachmentDeleted", actor=who.user, comment=row.name)


def found(tx: Connection, job: int, attachment: int) -> Row[Any]:
    """The row of an attachment; NotFound when the job has none of this id."""
    row = tx.execute(_FOUND, {"job": job, "id": attachment}).one_or_none()
    if row is None:
        raise NotFound(f"job {job} has no attachment {attachment}")
    return row


def _lock(tx: Connection, job: int, who: Caller) -> None:
    row = tx.execute(_LOCK, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    who.must_reach(row.site, row.workflow)


_LOCK = text("select site, workflow from jobs where id = :job and pruned_at is null for update")
_THERE = text(
    "select count(*) as n, coalesce(bool_or(name = :name), false) as same from attachments where job_id = :job"
)
_ADD = text("""
    insert into attachments (job_id, name, media_type, size, sha256, added_by)
    values (:job, :name, :media_type, :size, :sha256, :by) returning id
""")
_FORGET = text("delete from attachments where id = :id")
_FOUND = text("""
    select a.* from attachments a join jobs j on j.id = a.job_id and j.pruned_at is null
    where a.job_id = :job and a.id = :id
""")
