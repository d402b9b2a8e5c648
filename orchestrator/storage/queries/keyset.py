"""Cursors: the last row's place in the order of its list, opaque to who sends it back, and good for that list alone."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Column, Connection, Row, Select, literal

from orchestrator.contracts.views import Page
from orchestrator.errors import Fault, Invalid

T = TypeVar("T")
MOST_INTEGER = 2**63 - 1


def encode(listed: str, place: Sequence[int | str]) -> str:
    """The cursor of a row of what is listed."""
    return base64.urlsafe_b64encode(json.dumps([listed, *place]).encode()).rstrip(b"=").decode()


def decode(cursor: str, listed: str, *kinds: type[int] | type[str]) -> list[Any]:
    """The place again, when it is one of that list, and of these kinds; else Invalid."""
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(place, list) or len(place) != len(kinds) + 1 or place[0] != listed:  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError
        for value, kind in zip(place[1:], kinds, strict=True):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            if type(value) is not kind or not _fits(value):  # pyright: ignore[reportUnknownArgumentType]
                raise ValueError
    except (ValueError, binascii.Error, RecursionError):
        raise Invalid("the request is wrong", [Fault("?cursor", "not a cursor of this list")]) from None
    return place[1:]  # pyright: ignore[reportUnknownVariableType]


def page(
    tx: Connection,
    query: Select[Any],
    listed: str,
    limit: int,
    view: Callable[[Row[Any]], T],
    place: Callable[[Row[Any]], Sequence[int | str]],
) -> Page[T]:
    """Up to ``limit`` rows of an ordered query, and where to go on; one row more tells whether there is more."""
    rows = tx.execute(query.limit(limit + 1)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return Page[T](items=[view(row) for row in rows], next_cursor=encode(listed, place(rows[-1])) if more else None)


def page_by(
    tx: Connection,
    query: Select[Any],
    column: Column[Any],
    limit: int,
    cursor: str | None,
    view: Callable[[Row[Any]], T],
    *,
    falling: bool = False,
) -> Page[T]:
    """Up to ``limit`` rows behind the cursor, in the order of one column that tells them apart."""
    if cursor is not None:
        (last,) = decode(cursor, str(column), column.type.python_type)
        last = literal(last, BigInteger) if isinstance(last, int) else last  # it may be more than the column holds
        query = query.where(column < last if falling else column > last)
    ordered = query.order_by(column.desc() if falling else column)
    return page(tx, ordered, str(column), limit, view, lambda row: [getattr(row, column.name)])


def _fits(value: int | str) -> bool:
    return abs(value) <= MOST_INTEGER if isinstance(value, int) else "\0" not in value and value.isprintable()
