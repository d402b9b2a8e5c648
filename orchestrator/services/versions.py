"""Definitions with versions: each stays as it was written, and one row a name says which is the newest.

Workflows are kept so, and types of edit jobs: each kind in two tables of one shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, Connection, Row, Select, Table, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.views import Page
from orchestrator.errors import Conflict, NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.keyset import page_by

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Versions:
    """The definitions of one kind; ``of`` is the column of ``versions`` with the name."""

    kind: str
    """What one is called, in words."""
    heads: Table
    versions: Table
    of: Column[Any]

    def head(self, tx: Connection, name: str, *, lock: bool = False) -> Row[Any]:
        """The row of a name, locked until the end of the transaction if asked; NotFound when there is none."""
        row = self.find(tx, name, lock=lock)
        if row is None:
            raise self._missing(name)
        return row

    def find(self, tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
        """The same, or None."""
        query = select(self.heads).where(self.heads.c.name == name, self.heads.c.deleted_at.is_(None))
        return tx.execute(query.with_for_update() if lock else query).one_or_none()

    def newest(self, tx: Connection, name: str) -> Row[Any]:
        """The newest version; NotFound when there is no such name."""
        row = tx.execute(self._all_newest().where(self.heads.c.name == name)).one_or_none()
        if row is None:
            raise self._missing(name)
        return row

    def at(self, tx: Connection, name: str, version: int) -> Row[Any]:
        """One version; NotFound when there is no such name, or it has no such version."""
        self.head(tx, name)
        query = select(self.versions).where(self.of == name, self.versions.c.version == version)
        row = tx.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"the {self.kind} {name!r} has no version {version}")
        return row

    def begin(self, tx: Connection, name: str) -> bool:
        """Take a name that was never there; False when it was, and is perhaps deleted."""
        new = insert_or_not(self.heads).values(name=name, version=1).on_conflict_do_nothing()
        return tx.scalar(new.returning(self.heads.c.version)) is not None

    def number(self, tx: Connection, name: str, replaceable: Callable[[], bool] = lambda: False) -> int:
        """The number of a new definition's version, its row locked: those of one that was deleted are counted on.

        Conflict when there is one of this name that is not replaceable.
        """
        if self.begin(tx, name):
            return 1
        row = tx.execute(select(self.heads).where(self.heads.c.name == name).with_for_update()).one()
        if row.deleted_at is None and not replaceable():
            raise self.taken(name)
        return row.version + 1

    def keep(self, tx: Connection, name: str, version: int, definition: dict[str, Any], actor: str) -> Row[Any]:
        """Write a version and make it the newest; the name's row is locked."""
        values = {self.of.name: name, "version": version, "definition": definition, "created_by": actor}
        kept = tx.execute(insert(self.versions).values(values).returning(self.versions)).one()
        newest = {"version": version, "updated_at": func.now(), "deleted_at": None}
        tx.execute(update(self.heads).where(self.heads.c.name == name).values(newest))
        audit(tx, actor, f"{self._word}.define", name, detail={"version": version})
        return kept

    def delete(self, tx: Connection, name: str, actor: str) -> None:
        """Take a name away; its versions stay for those that run them. NotFound when there is none."""
        self.head(tx, name, lock=True)
        tx.execute(update(self.heads).where(self.heads.c.name == name).values(deleted_at=func.now()))
        audit(tx, actor, f"{self._word}.delete", name)

    def list_newest(self, tx: Connection, limit: int, cursor: str | None, view: Callable[[Row[Any]], T]) -> Page[T]:
        """The newest version of every name, by name."""
        return page_by(tx, self._all_newest(), self.of, limit, cursor, view)

    def list_all(
        self, tx: Connection, name: str, limit: int, cursor: str | None, view: Callable[[Row[Any]], T]
    ) -> Page[T]:
        """Every version of a name, the newest first; NotFound when there is no such name."""
        self.head(tx, name)
        query = select(self.versions).where(self.of == name)
        return page_by(tx, query, self.versions.c.version, limit, cursor, view, falling=True)

    def taken(self, name: str) -> Conflict:
        """What is said of a name that is there already."""
        return Conflict(f"there is a {self.kind} {name!r} already; PUT makes a new version of it")

    def _missing(self, name: str) -> NotFound:
        return NotFound(f"there is no {self.kind} {name!r}")

    @property
    def _word(self) -> str:
        """The kind, as the audit spells it."""
        return self.kind.replace(" ", "-")

    def _all_newest(self) -> Select[Any]:
        newest = (self.of == self.heads.c.name) & (self.versions.c.version == self.heads.c.version)
        return select(self.versions).join(self.heads, newest).where(self.heads.c.deleted_at.is_(None))


def same(one: object, other: object) -> bool:
    """Whether two definitions say the same; to Python, 1 and true do."""
    spelled = (msgspec.json.encode(definition, order="deterministic") for definition in (one, other))
    return next(spelled) == next(spelled)


def shown(row: Row[Any]) -> dict[str, Any]:
    """A version as its view takes it: the definition, and beside it which version that is, whose, and since when."""
    return {**row.definition, "version": row.version, "created_by": row.created_by, "created_at": row.created_at}
