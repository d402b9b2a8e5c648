"""What we put into a queue is what ``apply_async`` of the installed Celery would have put there, field by field."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from redis import Redis

from orchestrator.broker.celery_message import ORIGIN
from orchestrator.broker.connection import connect
from orchestrator.broker.publisher import Publisher
from orchestrator.contracts.canary import Canary
from orchestrator.contracts.parcel import WalkOrder
from tests.integration.broker.parcels import SECRET, parcel

OURS_ALONE = {
    "headers.argsrepr": "what people see: the job, the step, how many paths",
    "headers.origin": "who sent it",
    "properties.reply_to": "nobody waits for a reply: what became of a task is reported",
    "properties.delivery_tag": "another for each message",
}
"""Where a message of ours may say something else, and why."""

Message = dict[str, Any]

ORDER = WalkOrder("a walk", "london", "default", "recursive", 7, 0, 1, b"", [], {}, 1e10)
CANARY = Canary("a canary", "london", "default", "worker", 1e10)
SENT: Mapping[str, Callable[[Publisher], None]] = {
    "a parcel of one task": lambda publisher: publisher.publish([(parcel("one"), 500)], []),
    "a parcel of many": lambda publisher: publisher.publish([(parcel("many", tasks=200), 200)], []),
    "a parcel for a queue that is begun anew": lambda publisher: publisher.publish([(parcel("new", epoch=3), 1)], []),
    "a walk": lambda publisher: publisher.publish([], [ORDER]),
    "a canary": lambda publisher: publisher.send([CANARY]),
}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as redis:
        yield redis


def popped(redis: Redis) -> tuple[str, Message]:
    """The one message that is in a queue, and the queue."""
    [queue] = [key.decode() for key in redis.keys("london.*") if redis.type(key) == b"list"]  # type: ignore[union-attr]
    raw = redis.rpop(queue)
    assert isinstance(raw, bytes)
    assert redis.llen(queue) == 0
    return queue, json.loads(raw)


def fields(message: Message, under: str = "") -> dict[str, Any]:
    """Every leaf of it, by its path."""
    leaves: dict[str, Any] = {}
    for name, value in message.items():
        leaves |= fields(value, f"{under}{name}.") if isinstance(value, dict) and value else {under + name: value}
    return leaves


@pytest.mark.parametrize("sent", SENT)
def test_every_field_is_as_apply_async_writes_it(redis: Redis, redis_url: str, sent: str) -> None:
    SENT[sent](Publisher(redis, SECRET))
    queue, ours = popped(redis)
    args, kwargs, _ = json.loads(base64.b64decode(ours["body"]))
    with Celery(broker=redis_url, set_as_current=False) as app:
        sign = app.signature(ours["headers"]["task"], args, kwargs, ignore_result=True)
        sign.apply_async(task_id=ours["headers"]["id"], queue=queue)
    _, theirs = popped(redis)
    mine, stock = fields(ours), fields(theirs)
    assert [(name, type(value)) for name, value in mine.items()] == [
        (name, type(value)) for name, value in stock.items()
    ]
    assert {name: value for name, value in mine.items() if name not in OURS_ALONE} == {
        name: value for name, value in stock.items() if name not in OURS_ALONE
    }


def test_what_only_we_say(redis: Redis) -> None:
    said: list[Message] = []
    for _ in range(2):
        Publisher(redis, SECRET).publish([(parcel("an-id", tasks=3), 1200)], [])
        said.append(fields(popped(redis)[1]))
    for name in OURS_ALONE:
        assert name in said[0]
    assert said[0]["headers.argsrepr"] == "job 7, step 0, 1200 paths in 3 tasks"
    assert said[0]["headers.origin"] == ORIGIN
    assert said[0]["properties.reply_to"] == ""
    tags = [UUID(one["properties.delivery_tag"]) for one in said]
    assert tags[0] != tags[1]
