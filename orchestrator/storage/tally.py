"""Counting what happens, for metrics: a row for each time that something is counted, and their sum is the count.

Nobody waits for a row that another counts in, and what is counted in the transaction in which it happens has happened.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, text

from orchestrator.storage.together import write

Counted = tuple[str, ...]
"""What is counted: its name, then the values of its labels."""
Counts = defaultdict[Counted, float]

_ADD = text("""
    insert into tallies (name, labels, n)
    select one ->> 0, array(select jsonb_array_elements_text(one -> 1)), cast(one ->> 2 as float8)
    from jsonb_array_elements(cast(:counts as jsonb)) as one
""")
_MERGE = text("""
    with gone as (delete from tallies returning name, labels, n)
    insert into tallies (name, labels, n) select name, labels, sum(n) from gone group by name, labels
""")
_READ = text("select name, labels, sum(n) as n from tallies group by name, labels")


BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds: of what takes time it is counted how often it took no longer than each, and how long in all."""


def observe(counts: Counts, name: str, seconds: float) -> None:
    """Count something that took so long: under the least bound that it kept to, ``inf`` for none."""
    bound = next((bound for bound in BOUNDS if seconds <= bound), float("inf"))
    counts[name, str(bound)] += 1
    counts[f"{name}_seconds",] += seconds


def add(tx: Connection, counts: Mapping[Counted, float]) -> None:
    """Count so many more of each."""
    if counts:
        rows = [(name, labels, n) for (name, *labels), n in counts.items()]
        write(tx, _ADD, {"counts": msgspec.json.encode(rows).decode()})


def merge(tx: Connection) -> None:
    """Make one row of all that count the same: for the hub, of which there is one."""
    tx.execute(_MERGE)


def read(tx: Connection) -> dict[Counted, float]:
    """All that was ever counted."""
    return {(row.name, *row.labels): row.n for row in tx.execute(_READ)}
