"""The broker's epoch, as PostgreSQL knows it."""

from sqlalchemy import Connection, text

_READ = text(
    "insert into broker (id, epoch) values (1, 0) on conflict (id) do update set epoch = broker.epoch returning epoch"
)
_NEXT = text("update broker set epoch = epoch + 1 where id = 1 returning epoch")


def read_epoch(tx: Connection) -> int:
    """The present one; 0 before the first has begun."""
    return tx.execute(_READ).scalar_one()


def next_epoch(tx: Connection) -> int:
    """Begin another: whatever was handed out in those before can not be claimed any more."""
    return tx.execute(_NEXT).scalar_one()
