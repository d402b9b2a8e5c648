"""Webhooks: made, ended, and what is to be sent to them taken out of the outbox, one delivery at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, text

from orchestrator.contracts.webhook import WebhookAsked
from orchestrator.errors import Fault, Invalid, NotFound
from orchestrator.storage.audit import audit

PAUSES_S: Sequence[float] = (5, 30, 120, 600, 1800, 7200, 21600)
"""Before each attempt after the first; then it is given up."""
LEASE_S = 60.0
"""Longer than an attempt takes: what its sender did not come back from is sent again."""


def add_webhook(tx: Connection, asked: WebhookAsked, owner: str, *, private: bool) -> int:
    """A new one; its id. Invalid without TLS, unless ``private`` allows that."""
    if not private and not asked.url.startswith("https://"):
        raise Invalid("the webhook can not be made", [Fault("$.url", "has to begin with https://")])
    id: int = tx.execute(_ADD, {**asked.model_dump(), "owner": owner}).scalar_one()
    audit(tx, owner, "webhook.create", f"webhook {id}", None, {"url": asked.url})
    return id


def end_webhook(tx: Connection, id: int, by: str) -> None:
    """Send nothing more to it; what is still to be sent is forgotten. NotFound when there is none."""
    if not tx.execute(_END, {"id": id}).rowcount:
        raise NotFound(f"there is no webhook {id}")
    audit(tx, by, "webhook.delete", f"webhook {id}")


def send_again(tx: Connection, webhook: int, delivery: int | None, by: str) -> int:
    """Take what was given up into the outbox once more: one of them, or all; how many. NotFound when there is none."""
    if tx.execute(_AT_ONCE, {"id": webhook}).one_or_none() is None:
        raise NotFound(f"there is no webhook {webhook}")
    n = tx.execute(_AGAIN, {"webhook": webhook, "delivery": delivery}).rowcount
    if delivery is not None and not n:
        raise NotFound(f"webhook {webhook} has no delivery {delivery} that was given up")
    audit(tx, by, "webhook.send", f"webhook {webhook}", None, {"deliveries": n})
    return n


_ADD = text("""
    insert into webhooks (url, events, workflow, owner) values (:url, :events, :workflow, :owner) returning id
""")
_END = text("delete from webhooks where id = :id")
_AT_ONCE = text("update webhooks set retry_at = null where id = :id returning id")
_AGAIN = text("""
    update deliveries set dead_at = null, attempts = 0, due_at = clock_timestamp()
    where webhook_id = :webhook and dead_at is not null and (cast(:delivery as bigint) is null or id = :delivery)
""")


class Delivery(NamedTuple):
    """Something that is to be sent, and counts as being sent for a while."""

    id: int
    webhook: int
    url: str
    body: bytes
    attempts: int
    """With this one."""


_WANTING = text("""
    select w.id from webhooks w
    where coalesce(w.retry_at <= clock_timestamp(), true) and exists (
      select from deliveries d where d.webhook_id = w.id and d.dead_at is null and d.due_at <= clock_timestamp()
    ) order by w.id
""")


def wanting(tx: Connection) -> list[int]:
    """The webhooks to which something can be sent now."""
    return list(tx.execute(_WANTING).scalars())


_TAKE = text("""
    update deliveries d set attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => :lease)
    from webhooks w
    where w.id = :webhook and coalesce(w.retry_at <= clock_timestamp(), true) and d.id = (
      select id from deliveries
      where webhook_id = :webhook and dead_at is null and due_at <= clock_timestamp()
      order by due_at, id limit 1 for update skip locked
    )
    returning d.id, d.webhook_id, w.url, d.event, d.body, d.attempts
""")


def take(tx: Connection, webhook: int) -> Delivery | None:
    """The next that is to be sent to it, if there is one; nobody else sends it for the time being."""
    row = tx.execute(_TAKE, {"webhook": webhook, "lease": LEASE_S}).one_or_none()
    if row is None:
        return None
    told: dict[str, Any] = {"type": row.event, "timestamp": row.body["at"], "data": row.body}
    return Delivery(row.id, row.webhook_id, row.url, msgspec.json.encode(told), row.attempts)


_TAKEN = text("delete from deliveries where id = :id")
_WELL = text("""
    update webhooks set delivered_at = clock_timestamp(), failures = 0, retry_at = null, last_error = null
    where id = :webhook
""")
_LATER = text("""
    update deliveries set last_error = :error,
      due_at = case when cast(:pause as float8) is null then due_at
        else clock_timestamp() + make_interval(secs => cast(:pause as float8)) end,
      dead_at = case when cast(:pause as float8) is null then clock_timestamp() end
    where id = :id
""")
_ILL = text("""
    update webhooks set last_error = :error, failures = failures + 1,
      retry_at = case when cast(:rest as bool)
        then clock_timestamp() + make_interval(secs => least(300, 2 ^ least(failures, 9))) end
    where id = :webhook
""")


def delivered(tx: Connection, sent: Delivery) -> None:
    """It was taken."""
    tx.execute(_TAKEN, {"id": sent.id})
    tx.execute(_WELL, {"webhook": sent.webhook})


def failed(tx: Connection, sent: Delivery, error: str, *, rest: bool, pauses_s: Sequence[float] = PAUSES_S) -> None:
    """It was not: tried again after a pause, or given up. ``rest``: nothing at all is sent to it for a while."""
    pause = pauses_s[sent.attempts - 1] if sent.attempts <= len(pauses_s) else None
    tx.execute(_LATER, {"id": sent.id, "error": error, "pause": pause})
    tx.execute(_ILL, {"webhook": sent.webhook, "error": error, "rest": rest})
