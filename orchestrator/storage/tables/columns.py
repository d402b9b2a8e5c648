"""The kinds of columns that many tables have, and the one ``metadata`` that all tables are in."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, DateTime, Enum, ForeignKey, MetaData, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def words(states: Iterable[str], name: str) -> Enum:
    """An enumeration of the database: the states of a machine, or of several."""
    return Enum(*map(str, states), name=name)


def quoted(words: Iterable[str]) -> str:
    """Words as a list of SQL."""
    return ", ".join(f"'{word}'" for word in words)


def time(name: str, *, now: bool = False, comment: str | None = None) -> Column[object]:
    """A moment, by the database's clock; with ``now`` that of the row."""
    if now:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())
    return Column(name, DateTime(timezone=True), comment=comment)


def count(name: str, comment: str | None = None) -> Column[int]:
    """A counter that begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default="0", comment=comment)


def job() -> Column[int]:
    """Which job a row is of; it goes with it."""
    return Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False)
