"""Which memory a job that looks for changes goes by; one job at a time has it."""

import hashlib

import msgspec
from sqlalchemy import Connection, text

from orchestrator.errors import Conflict
from orchestrator.services.order import Order

CHANGES = "changes"
"""The discovery that remembers."""


def recall(tx: Connection, job: int, order: Order) -> bytes:
    """Take the memories of all starting folders for this job: the key of them.

    The same workflow at the same site with other values of its fields (another destination, say) is something else,
    and remembers for itself. A dry run takes none. Conflict while another job that goes by one of them has not ended.
    """
    spoken = [order.workflow.name, order.submission.site, order.values]
    key = hashlib.sha256(msgspec.json.encode(spoken, order="deterministic")).digest()
    roots = sorted({path.rstrip(b"/") or b"/" for path in order.paths.paths})
    values = {"key": key, "roots": roots, "workflow": order.workflow.name, "site": order.submission.site}
    tx.execute(_MAKE, values)
    if order.submission.dry_run:  # it only reads
        return key
    for row in tx.execute(_LOCK, values).all():
        if row.busy:
            raise Conflict(
                f"job {row.job_id} looks for changes below {bytes(row.root).decode(errors='replace')} with the same "
                "workflow and fields: submit again when it has ended"
            )
    tx.execute(_TAKE, {"job": job, "key": key, "roots": roots})
    return key


_MAKE = text("""
    insert into memories (key, root, workflow, site)
    select :key, u.root, :workflow, :site from unnest(cast(:roots as bytea[])) as u(root)
    on conflict (key, root) do nothing
""")
_LOCK = text("""
    select m.root, m.job_id, exists (select from jobs j where j.id = m.job_id and j.ended_at is null) as busy
    from memories m where m.key = :key and m.root = any(cast(:roots as bytea[])) order by m.root for update of m
""")
_TAKE = text("update memories set job_id = :job where key = :key and root = any(cast(:roots as bytea[]))")
