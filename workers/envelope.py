"""Kombu's transport, made to look at a message before Celery does: what the hub can not have sent is dropped.

Celery trusts envelopes. Of the malformed ones that were tried some end a worker's own process, and some are put back as
it ends, so that each new start of it dies of them too (docs/decisions/0015-canaries-restarts-and-queue-epochs.md).
This is the one place that knows how kombu takes a message; what is signed inside is checked later (admission.py).

Kombu also keeps books in Redis that all who use it share. A worker of a site has no need of them, and they are left out
here, so that the broker can refuse it everything that is not its site's (orchestrator/broker/account.py), and that a
message costs one command and not five.
"""

import base64
import json
import logging
from functools import cached_property, partial
from typing import Any, Literal, cast

import msgspec
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual as kombu_virtual

from workers.legible import legible

log = logging.getLogger(__name__)

# Kombu has no types.
_redis, _virtual = cast(Any, kombu_redis), cast(Any, kombu_virtual)
_channel, _transport, _qos = _redis.Channel, _redis.Transport, _virtual.QoS

_SHOWN = 200
_READ_SECONDS = 1.0


class _Headers(msgspec.Struct):
    task: str
    id: str
    eta: None
    expires: None
    retries: Literal[0]
    timelimit: tuple[None, None]
    argsrepr: str
    kwargsrepr: str
    origin: str
    root_id: str
    stamps: dict[str, None]
    group: None = None
    parent_id: None = None
    compression: None = None


class _DeliveryInfo(msgspec.Struct):
    exchange: str
    routing_key: str


class _Properties(msgspec.Struct):
    correlation_id: str
    delivery_info: _DeliveryInfo
    delivery_tag: str
    body_encoding: Literal["base64"]
    priority: int


class _Envelope(msgspec.Struct):
    """A message as orchestrator/broker/celery_message.py makes it; whatever else is in it does nothing."""

    body: str
    headers: _Headers
    properties: _Properties
    content_type: Literal["application/json"] = msgspec.field(name="content-type")
    content_encoding: Literal["utf-8"] = msgspec.field(name="content-encoding")


_Body = tuple[list[Any], dict[str, Any], dict[str, Any]]


def fault(message: object) -> str | None:
    """What is wrong with a message as it was put into a queue; None when nothing is."""
    try:
        envelope = msgspec.convert(message, _Envelope)
        msgspec.json.decode(base64.b64decode(envelope.body, validate=True), type=_Body)
    # binascii.Error and both errors of msgspec are ValueErrors.
    except (ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return None


class Quality(_qos):
    """Knows what was received and not yet begun. It is nowhere else: what dies with it, the hub hands out anew."""

    def restore_unacked(self) -> list[Any]:
        """Put it back into its queue, as far as the broker is there."""
        inherited: Any = super()
        for error, _ in inherited.restore_unacked():
            log.warning("a message is not put back: %s", type(error).__name__)
        return []


class Channel(_channel):
    """Reads from the queue, and what is said to every worker."""

    @cached_property
    def subclient(self) -> Any:
        """The connection on which everybody is spoken to; a read of it ends, whatever has become of the connection.

        Redis's client waits without end there. Called for a connection that had broken, it made another and waited on
        that, with the worker's whole loop: deaf until somebody spoke.
        """
        inherited: Any = super()
        spoken = inherited.subclient
        spoken.parse_response = partial(spoken.parse_response, block=False, timeout=_READ_SECONDS)
        return spoken

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        inherited: Any = super()
        inherited.__init__(*args, **kwargs)
        self.QoS = Quality

    def _restore(self, message: Any, leftmost: bool = True) -> None:  # noqa: ARG002 - the signature is kombu's
        """Put it back to where it is the next that is taken: it has waited already."""
        with self.conn_or_acquire() as client:
            client.rpush(message.delivery_info["routing_key"], json.dumps(message.serializable()))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        # Broadcasts go by publishing: the table of who is bound is for queues, and shared by all sites.
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))
        else:
            inherited: Any = super()
            inherited._queue_bind(exchange, routing_key, pattern, queue)  # noqa: SLF001 - our own

    def maybe_refresh_binding_expiry(self) -> None:
        """There is nothing to refresh."""

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        """A queue outlives its worker; one for broadcasts is nothing in Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        inherited: Any = super()
        try:
            return inherited._brpop_read(**options)  # noqa: SLF001 - our own
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            # It has been taken out of the queue.
            _drop("a queue", str(error))
            return True


class Transport(_transport):
    """Takes what was read to its consumer."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        broadcast = queue.endswith(".pidbox")
        if not broadcast and (wrong := fault(message)):
            _drop(queue, wrong)
        else:
            inherited: Any = super()
            inherited._deliver(message, queue)  # noqa: SLF001 - our own


def _drop(queue: str, wrong: str) -> None:
    log.error("dropped from %s what is no message of the hub: %s", queue, legible(wrong, _SHOWN))


def use_transport() -> None:
    """Let kombu use this transport for Redis, in this process."""
    for alias in ("redis", "rediss"):
        TRANSPORT_ALIASES[alias] = f"{__name__}:{Transport.__name__}"
