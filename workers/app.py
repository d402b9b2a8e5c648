"""The Celery app of one pool: one Celery task for each action or way of discovery, named as that.

Celery carries messages and keeps processes; it decides nothing. No result backend, no canvas, no countdowns, no
acknowledging late: what is lost is handed out again by the hub, which is the only one who knows.
"""

import logging
import socket
import ssl
import sys
from typing import Any, cast

from celery import Celery
from celery import signals as celery_signals
from celery.worker.control import Panel as CeleryPanel
from celery.worker.request import Request as CeleryRequest
from kombu.entity import Exchange, Queue

from orchestrator.contracts import names
from orchestrator.contracts.canary import CANARY_TASK
from orchestrator.contracts.names import Function
from orchestrator.contracts.parcel import discovery_task_name
from workers.admission import NotAdmitted, opened
from workers.attend import attend
from workers.canary import answer
from workers.envelope import use_transport
from workers.processes import pool_with
from workers.receiver import Receiver
from workers.registry import REGISTRY
from workers.runtime import Runtime
from workers.site import SiteFile
from workers.walker import walk

log = logging.getLogger(__name__)

# Celery has no types.
signals = cast(Any, celery_signals)
celery_request = cast(Any, CeleryRequest)
panel = cast(Any, CeleryPanel)


def node_name(site: str, queue: str, function: str) -> str:
    """Celery's name of a pool on this host, such as ``london.worker@host``."""
    lane = "" if queue == "default" else f"{queue}."
    return f"{site}.{lane}{function}@{socket.gethostname()}"


def make_app(site: SiteFile, queue: str, function: str, queue_epoch: int = 0) -> Celery:
    """The app that serves one queue of one function; loads the plugins, connects to nothing yet."""
    for path in reversed(site.python_path):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    REGISTRY.load(site.actions)
    use_transport()
    runtime = Runtime(site, site.key_bytes, node_name(site.name, queue, function), queue, function, queue_epoch)
    app: Any = Celery(f"{site.name}.{queue}.{function}", broker=site.redis_url.get_secret_value(), set_as_current=True)
    app.conf.update(settings(names.queue(site.name, queue, function, queue_epoch), tls=_by_tls(site)))
    only_look()
    _hush()
    _add_canary(app, runtime)
    receiver = None
    if function == Function.DISCOVERY:
        app.conf.worker_pool = "threads"
        for method in REGISTRY.discoveries:
            _add_discovery(app, runtime, method)
    else:
        app.conf.worker_pool = "threads" if runtime.pool == "threads" else pool_with(runtime.children)
        receiver = Receiver(runtime)
        for action in REGISTRY.actions:
            _add_action(app, receiver, action)
        signals.task_unknown.connect(receiver.unknown, weak=False)
    attend(runtime, site.queues[queue][Function(function)], receiver)
    return app


def write_logs(lines: logging.Formatter) -> None:
    """Let Celery's handlers write lines of our own form; what is printed becomes lines, too."""

    def use(logger: logging.Logger, **_: object) -> None:
        for handler in logger.handlers:
            handler.setFormatter(lines)

    signals.after_setup_logger.connect(use, weak=False)
    signals.after_setup_task_logger.connect(use, weak=False)


def _by_tls(site: SiteFile) -> bool:
    return site.redis_url.get_secret_value().startswith("rediss://")


def only_look() -> None:
    """Answer those who ask by broadcast how a worker is; nobody steers one past the hub, or stops all with a word."""
    for name, known in list(panel.meta.items()):
        if known.type != "inspect":
            for command in (name, known.alias):
                panel.data.pop(command, None)
            del panel.meta[name]
    # Flower asks for it every five seconds. Events are on as it is, and a word that nobody knows is logged as an error.
    panel.data["enable_events"] = _nothing


def _nothing(_state: object, **_: object) -> None:
    """There is nothing to do."""


def _hush() -> None:
    """Leave out Celery's two lines for each message that came well; the hub knows more of it, task by task."""
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def settings(queue: str, *, tls: bool = False) -> dict[str, Any]:
    """How Celery is to behave (design: reliability, section 2); ``queue`` is the one that it serves."""
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        "task_acks_late": False,
        # A child that dies is spoken for by its parent (watch.py); its message must not come again.
        "task_reject_on_worker_lost": False,
        "task_queues": [Queue(queue, Exchange(""), routing_key=queue)],
        "task_default_queue": queue,
        "task_default_exchange": "",
        "task_default_routing_key": queue,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_consumer": "workers.consumer:Consumer",
        # Touches only what is acknowledged late, so nothing of ours; without it Celery warns at every reconnect.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # Celery's own default takes any certificate.
        "broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED} if tls else None,
        "broker_connection_timeout": 5,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # Redis keeps no books of who has received what, and hands out nothing by itself: the hub does.
            "ack_emulation": False,
            # Above the second that a blocking read takes. Each connection that is half-open costs the worker's loop so
            # long, in which it takes nothing.
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            # A connection that breaks is for Celery to replace: redis-py, trying a read again, waits on the new one.
            "retry_on_timeout": False,
            "health_check_interval": 10,
            # Priority lives in the hub: one list a queue.
            "priority_steps": [0],
        },
    }


class ShownRequest(celery_request):
    """A message as ``celery inspect`` shows it: what the hub says it is, and not the sealed bytes."""

    def info(self, safe: bool = False) -> Any:  # noqa: ARG002 - the signature is Celery's
        """What is shown."""
        return celery_request.info(self, safe=True)


def _add_canary(app: Any, runtime: Runtime) -> None:
    def run(argument: object = None) -> None:
        answer(runtime, argument)

    app.task(run, name=CANARY_TASK, Request=ShownRequest)


def _add_action(app: Any, receiver: Receiver, name: str) -> None:
    def run(argument: object = None) -> None:
        receiver.receive(name, argument)

    app.task(run, name=name, Request=ShownRequest)


def _add_discovery(app: Any, runtime: Runtime, method: str) -> None:
    name = discovery_task_name(method)

    def run(argument: object = None) -> None:
        try:
            sealed = opened(argument)
        except NotAdmitted as refusal:
            log.warning("refused a message for %s: %s", name, refusal)
            return
        walk(runtime, sealed, name)

    app.task(run, name=name, Request=ShownRequest)
