"""A small synchronous client of the HTTP API, for the command line and for programs.

::

    with Client("http://127.0.0.1:8080", key) as client:
        job = client.submit("verify_and_copy", "london", [b"/data/in"], fields={"destinationsite": "paris"})
        for job in client.follow(job["id"]):
            print(job["state"], job["progress"]["percent"])

Answers are the documents of the API as they are. Lists are iterators over every page. A path given is ``str`` or
``bytes``; bytes that are not UTF-8 go as ``path_b64``.
"""

from orchestrator.client.ask import SILENCE as SILENCE
from orchestrator.client.ask import TIMEOUT as TIMEOUT
from orchestrator.client.ask import ApiRefused as ApiRefused
from orchestrator.client.ask import Document as Document
from orchestrator.client.ask import segment as segment
from orchestrator.client.everything import Everything
from orchestrator.client.failures import Failures
from orchestrator.client.follow import Following
from orchestrator.client.follow import parse_events as parse_events
from orchestrator.client.jobs import path_input as path_input
from orchestrator.client.ledger import Ledgers
from orchestrator.client.packages import Packages
from orchestrator.client.schedules import Schedules
from orchestrator.client.sites import Sites
from orchestrator.client.task_groups import TaskGroups
from orchestrator.client.workflows import Workflows


class Client(Following, Everything, Failures, Ledgers, TaskGroups, Packages, Schedules, Workflows, Sites):
    """One service and one key; a context manager that closes its connections."""
