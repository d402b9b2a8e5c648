"""Clients of the HTTP API, for programs and for the command line.

::

    with Client("http://127.0.0.1:8080", key) as client:
        job = client.submit("verify_and_copy", "london", ["/data/in"], fields={"destinationsite": "paris"})
        print(job.wait(progress=lambda now: print(now.progress.percent)).state)

    async with AsyncClient("http://127.0.0.1:8080", key) as client:
        job = await client.submit("verify_and_copy", "london", ["/data/in"])
        print((await job.wait()).state)

Both have the same methods, described once (operation.py), and answer with the models of the API. A ``DocumentClient``
has them too, and answers with its documents as they are. Lists are iterators over every page. A path given is ``str``
or ``bytes``; bytes that are not UTF-8 go as ``path_b64``.
"""

from orchestrator.client.access import Access
from orchestrator.client.ask import path_input as path_input
from orchestrator.client.ask import segment as segment
from orchestrator.client.asynchronous import Asynchronous
from orchestrator.client.attachments import Attachments
from orchestrator.client.documents import Documents
from orchestrator.client.edit_jobs import EditJobs
from orchestrator.client.errors import ApiRefused as ApiRefused
from orchestrator.client.errors import Busy as Busy
from orchestrator.client.errors import Changed as Changed
from orchestrator.client.errors import Document as Document
from orchestrator.client.errors import JobNotSuccessful as JobNotSuccessful
from orchestrator.client.errors import NotAllowed as NotAllowed
from orchestrator.client.errors import NotAuthenticated as NotAuthenticated
from orchestrator.client.errors import NotNow as NotNow
from orchestrator.client.errors import NotThere as NotThere
from orchestrator.client.errors import NotValid as NotValid
from orchestrator.client.events import Heard as Heard
from orchestrator.client.events import Reset as Reset
from orchestrator.client.events import parse_events as parse_events
from orchestrator.client.failures import Failures
from orchestrator.client.handles import AsyncJobHandle as AsyncJobHandle
from orchestrator.client.handles import JobHandle as JobHandle
from orchestrator.client.jobs import Jobs
from orchestrator.client.many import Many
from orchestrator.client.moving import AsyncFiles, DocumentFiles, TypedFiles
from orchestrator.client.schedules import Schedules
from orchestrator.client.sites import Sites
from orchestrator.client.synchronous import Synchronous
from orchestrator.client.task_groups import TaskGroups
from orchestrator.client.tasks import Tasks
from orchestrator.client.webhooks import Webhooks
from orchestrator.client.workflows import Workflows


class Operations(
    Jobs, Many, Tasks, Failures, Attachments, TaskGroups, EditJobs, Workflows, Schedules, Sites, Access, Webhooks
):
    """All that can be asked for."""


class Client(TypedFiles, Synchronous, Operations):
    """One service and one key; a context manager that closes its connections."""


class AsyncClient(AsyncFiles, Asynchronous, Operations):
    """The same, to be awaited."""


class DocumentClient(DocumentFiles, Documents, Operations):
    """The same as a ``Client``, but its answers are the documents of the API as they come."""
