"""Celery's own message (protocol 2, as kombu keeps it in a Redis list), built without a Celery call per message.

Any Celery worker, Flower and ``celery inspect`` understand it. Kombu pops it from the right end of the list that
is named as the queue.
"""

import base64
import json
import uuid

ORIGIN = "hub@orchestrator"


def celery_message(queue: str, task: str, id: str, sealed: bytes, shown: str) -> bytes:
    """The list entry. ``shown`` is what people see as the task's arguments; ``sealed`` is its one real argument.

    It has no time limit of Celery's: that would kill the reports of finished tasks with the child.
    """
    body = json.dumps([[base64.b64encode(sealed).decode()], {}, _EMBED]).encode()
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": id,
                "shadow": None,
                "eta": None,
                "expires": None,
                "group": None,
                "group_index": None,
                "retries": 0,
                "timelimit": [None, None],
                "root_id": id,
                "parent_id": None,
                "argsrepr": shown,
                "kwargsrepr": "{}",
                "origin": ORIGIN,
                "ignore_result": True,
                "replaced_task_nesting": 0,
                "stamped_headers": None,
                "stamps": {},
            },
            "properties": {
                "correlation_id": id,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    ).encode()


_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
