"""Opening what came from the sites: what is not signed by its site, or can not be read, is kept aside."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from orchestrator.broker.streams import Entry
from orchestrator.contracts import names, seal
from orchestrator.contracts.batch import Batch
from orchestrator.contracts.report import Reports
from orchestrator.errors import WireError
from orchestrator.storage import tally
from orchestrator.storage.copy import copy_in
from orchestrator.storage.tables import dead_letters

_KEPT_BYTES = 64 * 1024


@dataclass(slots=True)
class Inbox:
    """The entries of one turn, opened."""

    reports: list[Reports] = field(default_factory=list[Reports])
    batches: list[Batch] = field(default_factory=list[Batch])
    dead: list[tuple[Entry, str]] = field(default_factory=list[tuple[Entry, str]])
    """Entries that can not be used, and why."""


def open_entries(entries: Iterable[Entry], secret: bytes) -> Inbox:
    """Unseal each entry with the key of the site whose stream it stood in."""
    inbox, keys = Inbox(), dict[str, bytes]()
    for entry in entries:
        site, kind = names.stream_parts(entry.stream)
        key = keys.get(site) or keys.setdefault(site, seal.site_key(secret, site))
        try:
            if kind == "reports":
                reports = seal.unseal(key, Reports, entry.sealed)
                _same_site(reports.site, site)
                inbox.reports.append(reports)
            else:
                batch = seal.unseal(key, Batch, entry.sealed)
                _same_site(batch.site, site)
                inbox.batches.append(batch)
        except WireError as error:
            inbox.dead.append((entry, str(error)))
    return inbox


def _same_site(said: str, stream: str) -> None:
    if said != stream:
        raise WireError(f"says that it comes from {said!r}, in the stream of {stream!r}")


def bury(tx: Connection, dead: Iterable[tuple[Entry, str]]) -> None:
    """Keep what could not be used, for a person to look at."""
    rows = [(entry.stream, entry.id, reason, entry.sealed[:_KEPT_BYTES]) for entry, reason in dead]
    if rows:
        copy_in(tx, dead_letters, ("stream", "entry", "reason", "content"), rows)
        tally.add(tx, Counter(("unusable", names.stream_parts(row[0])[0]) for row in rows))
