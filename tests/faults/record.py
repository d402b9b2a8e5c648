"""The database, read past every proxy, by one who knows that it may be away."""

from typing import Any

from sqlalchemy import Engine, Row, text
from sqlalchemy.exc import DBAPIError

from orchestrator.storage.database import make_engine


class Record:
    """The rows of a stack."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = make_engine(url, pool_size=2)

    def rows(self, sql: str, **values: Any) -> list[Row[Any]]:
        """What it says."""
        with self.engine.begin() as tx:
            return list(tx.execute(text(sql), values))

    def one(self, sql: str, **values: Any) -> Any:
        """The one value that is asked for."""
        return self.rows(sql, **values)[0][0]

    def says(self, sql: str, **values: Any) -> bool:
        """Whether it says yes now; while it is away it does not."""
        try:
            return bool(self.one(sql, **values))
        except DBAPIError:
            return False

    def close(self) -> None:
        """Leave no connection."""
        self.engine.dispose()
