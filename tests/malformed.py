"""Sixteen messages that the hub never sends, each wrong in another way: what somebody else may put into a queue."""

import base64
import json
from typing import Any
from uuid import uuid4

from orchestrator.broker.celery_message import celery_message

Message = dict[str, Any]


def message(queue: str, task: str = "noop") -> Message:
    """One that is well-formed, though nobody has signed it."""
    return json.loads(celery_message(queue, task, uuid4().hex, b"not sealed", "job 1, step 0"))


def malformed(queue: str) -> dict[str, bytes]:
    """What is wrong with it -> the entry of the queue."""
    whole = message(queue)
    headers = whole["headers"]
    without_id = {name: value for name, value in headers.items() if name != "id"}
    entries: dict[str, object] = {
        "a list": [1, 2],
        "no properties": {name: value for name, value in whole.items() if name != "properties"},
        "empty properties": whole | {"properties": {}},
        "no headers": whole | {"headers": {}},
        "no id": whole | {"headers": without_id},
        "no such task": whole | {"headers": headers | {"task": "no.such.task"}},
        "a body that is not base64": whole | {"body": "!!! not base64"},
        "a body that is not JSON": whole | {"body": _base64(b"not JSON")},
        "a body that is a number": whole | {"body": _base64(b"42")},
        "another content type": whole | {"content-type": "application/x-other"},
        "a pickle": whole | {"content-type": "application/x-python-serialize"},
        "another encoding": whole | {"content-encoding": "bogus"},
        "compressed by nobody knows what": whole | {"headers": headers | {"compression": "application/x-bogus"}},
        "an eta that is no time": whole | {"headers": headers | {"eta": "garbage"}},
        "a time limit of words": whole | {"headers": headers | {"timelimit": ["x", "y"]}},
    }
    return {"not JSON": b"\xff\x00 not JSON"} | {name: json.dumps(entry).encode() for name, entry in entries.items()}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
