"""Making something once for a key: the key is taken in the transaction that makes it."""

from collections.abc import Callable
from typing import TypeVar, cast

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.errors import Conflict
from orchestrator.storage.tables import made_once

T = TypeVar("T", int, str)


def make_once(tx: Connection, owner: str, key: str, digest: bytes, make: Callable[[], T]) -> tuple[T, bool]:
    """What ``make`` returns, an id or a name, and True; or what it has returned for this key before, and False.

    Conflict when the key was used by this owner for something else, of which ``digest`` is another.
    """
    mine = (made_once.c.owner == owner) & (made_once.c.key == key)
    new = insert(made_once).values(owner=owner, key=key, digest=digest).on_conflict_do_nothing()
    if tx.scalar(new.returning(made_once.c.key)) is None:
        row = tx.execute(select(made_once).where(mine)).one()
        if bytes(row.digest) != digest:
            raise Conflict("this Idempotency-Key was used for another request")
        return cast(T, row.made), False
    made = make()
    tx.execute(update(made_once).where(mine).values(made=made))
    return made, True
