"""What belongs to a job, table by table, for deleting it in pieces: no cascade ever has a million rows to delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, TextClause, text

Place = Sequence[int | str]
"""The key of a row, but for its job."""


@dataclass(frozen=True)
class Part:
    """The rows of one table; with ``key``, the columns that make a row of one job, and what is less than any of each.

    ``also`` deletes what goes with these rows, ``piece``.
    """

    table: str
    key: Mapping[str, int | str]
    most: int
    """Rows in one piece: some milliseconds."""
    also: str = ""

    @cached_property
    def _statement(self) -> TextClause:
        key = ", ".join(f'"{column}"' for column in self.key)
        after = ", ".join(f":{column}" for column in self.key)
        last_first = ", ".join(f'"{column}" desc' for column in self.key)
        also = f", also as ({self.also})" if self.also else ""
        return text(f"""
            with piece as (
              select ctid as its_row, {key} from {self.table}
              where job_id = :job and ({key}) > ({after}) order by {key} limit {self.most}
            ),
            gone as (delete from {self.table} where ctid = any(array(select its_row from piece))){also}
            select {key}, count(*) over () as n from piece order by {last_first} limit 1
        """)  # noqa: S608 - our own words

    def delete(self, tx: Connection, job: int, after: Place | None) -> tuple[int, Place | None]:
        """Delete the next piece after this place: how many rows, and the last of them. The job's row is locked."""
        place = list(self.key.values()) if after is None else after
        last = tx.execute(self._statement, {"job": job, **dict(zip(self.key, place, strict=True))}).one_or_none()
        return (0, None) if last is None else (last.n, [getattr(last, column) for column in self.key])


_NIL = "00000000-0000-0000-0000-000000000000"

PARTS = (
    Part("task_logs", {"id": 0}, 500),
    Part("tasks", {"id": 0}, 500, "delete from stale_reports using piece where task_id = piece.id"),
    Part("outcomes", {"task_id": -1, "index": -1}, 500),
    Part("batches", {"subtree": -1, "sequence": -1, "rule": -1}, 100),
    Part("walks", {"subtree": -1}, 50),
    Part("error_groups", {"fingerprint": "", "rule": -2, "step": -2}, 500),
    Part("task_history", {"task_id": 0, "seq": 0}, 500),
    Part("open_changes", {"gone": False, "depth": -1, "memory": 0, "at": _NIL, "name": ""}, 500),
    Part("history", {"seq": 0}, 500),
)
"""The rest of what is of a job is a few rows, and goes with its own."""
