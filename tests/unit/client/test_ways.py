"""Both clients, one description: the same requests, the same models, the same errors, whichever way they are sent."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.client import (
    ApiRefused,
    AsyncClient,
    AsyncJobHandle,
    Busy,
    Changed,
    Client,
    DocumentClient,
    JobHandle,
    JobNotSuccessful,
    NotAllowed,
    NotAuthenticated,
    NotNow,
    NotThere,
    NotValid,
    Operations,
)  # fmt: skip
from orchestrator.client.operation import Listing, Operation, Starting
from orchestrator.contracts.views import Job, Snapshot
from orchestrator.errors import Unreachable
from tests.unit.client.stage import Asked, Play, answer, hang_up, staged, stream

COUNTS = dict.fromkeys(("Pending", "Started", "Success", "Error", "Failure", "Skipped", "Cancelled"), 0)
PATHS = dict.fromkeys(("total", "processed", "skipped", "failed", "aborted", "cancelled", "unmatched"), 0)
PROGRESS = {"done": 1, "total": 2, "total_is_final": True, "percent": 50.0, "rate_per_s": 1.0, "eta": None}
AT = "2030-01-31T22:00:00Z"


def job(id: int = 12, state: str = "Started", **more: Any) -> dict[str, Any]:
    """A job as the API tells it; a word that this client does not know is no harm."""
    plain: dict[Any, Any] = {bool: False, int: 0, float: 0.0, str: ""}
    absent = {name: plain.get(field.annotation) for name, field in Job.model_fields.items() if field.is_required()}
    known = {
        "id": id, "kind": "batch", "state": state, "queue": "default", "priority": 5, "owner": "admin", "fields": {},
        "created_at": AT, "discovery": {"state": "Closed", "found": 2}, "tasks": COUNTS, "paths": PATHS, "steps": [],
        "progress": PROGRESS, "attributes": {}, "holds": [], "depends_on": [], "legal_events": [],
    }  # fmt: skip
    return {**absent, **known, **more, "of a later version": 1}


def told(seq: int, state: str) -> str:
    data = {"seq": seq, "state": state, "from": "Pending", "tasks": COUNTS, "paths": PATHS, "progress": PROGRESS}
    return f"id: {seq}\ndata: {json.dumps(data)}\n\n"


@dataclass
class Way:
    """One of the two clients, driven as if it were synchronous."""

    plays: list[Play]
    asked: Asked
    url: str
    waits: bool

    def do(self, what: Callable[[Any], Any], **options: Any) -> Any:
        """What comes of something that is done with a new client."""
        if self.waits:
            with Client(self.url, "a-key", **options) as client:
                done = what(client)
                return list(done) if inspect.isgenerator(done) else done

        async def run() -> Any:
            async with AsyncClient(self.url, "a-key", **options) as client:
                done = what(client)
                return [item async for item in done] if inspect.isasyncgen(done) else await done

        return asyncio.run(run())

    def wait(self, **options: Any) -> Any:
        """Submit a job and wait for it."""
        if self.waits:
            return self.do(lambda client: client.submit("w", "london", ["/in"]).wait(**options))

        async def submitted(client: AsyncClient) -> Job:
            handle = await client.submit("w", "london", ["/in"])
            return await handle.wait(**options)

        return self.do(submitted)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with staged() as (plays, asked, url):
        yield Way(plays, asked, url, request.param == "sync")


def test_an_answer_is_a_model(way: Way):
    way.plays += [answer(200, job())]
    found = way.do(lambda client: client.job(12))
    assert isinstance(found, Job)
    assert (found.id, found.created_at.year, found.progress.percent) == (12, 2030, 50.0)
    assert way.asked[0][0] == "GET /api/v1/jobs/12"
    assert way.asked[0][1]["authorization"] == "Bearer a-key"


def test_a_list_is_read_page_by_page(way: Way):
    way.plays += [
        answer(200, {"items": [job(3), job(2)], "next_cursor": "a/b"}),
        answer(200, {"items": [job(1)], "next_cursor": None}),
    ]
    found = way.do(lambda client: client.jobs(state=["Started"], limit=3))
    assert [one.id for one in found] == [3, 2, 1]
    assert [line for line, _, _ in way.asked] == [
        "GET /api/v1/jobs?state=Started&limit=3",
        "GET /api/v1/jobs?state=Started&cursor=a%2Fb&limit=1",
    ]


def test_what_is_submitted_can_be_waited_for_with_its_progress(way: Way):
    way.plays += [
        answer(201, job(5, "Pending")),
        stream(told(1, "Pending"), told(3, "Success")),
        answer(200, job(5, "Success")),
    ]
    heard: list[Snapshot] = []
    assert way.wait(progress=heard.append).state == "Success"
    assert [(one.seq, one.state, one.from_) for one in heard] == [(1, "Pending", "Pending"), (3, "Success", "Pending")]
    assert json.loads(way.asked[0][2]) == {"workflow": "w", "site": "london", "paths": ["/in"]}


def test_the_handle_is_one_of_its_way(way: Way):
    way.plays += [answer(201, job(5)), answer(201, job(6))]
    kind = JobHandle if way.waits else AsyncJobHandle
    assert isinstance(way.do(lambda client: client.submit("w", "london", ["/in"])), kind)
    assert way.do(lambda client: client.redrive(5, include=["Error"])).id == 6
    assert json.loads(way.asked[1][2]) == {"include": ["Error"]}


def test_an_end_that_is_not_good_is_an_error_if_it_is_asked_for(way: Way):
    for _ in range(2):
        way.plays += [
            answer(201, job(5)),
            stream(told(3, "Failure")),
            answer(200, job(5, "Failure", reason="the disk")),
        ]
    assert way.wait().state == "Failure"
    with pytest.raises(JobNotSuccessful, match="job 5 ended Failure: the disk") as failed:
        way.wait(check=True)
    assert failed.value.job.id == 5


def test_events_go_on_where_the_connection_broke(way: Way):
    way.plays += [stream(told(1, "Pending"), told(2, "Started")), hang_up, stream(told(3, "Success"))]
    found = way.do(lambda client: client.events(9, after=0))
    assert [one.state for one in found] == ["Pending", "Started", "Success"]
    assert [headers.get("last-event-id") for _, headers, _ in way.asked] == ["0", "2", "2"]


def test_where_no_stream_gets_through_the_job_is_asked_for(way: Way):
    way.plays += [answer(200, b"<html>", "text/html"), answer(200, job(9)), answer(200, job(9, "Success"))]
    assert [one.state for one in way.do(lambda client: client.events(9))] == ["Started", "Success"]


def test_a_wait_ends_when_its_time_is_over(way: Way):
    def silence(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(told(1, "Started").encode())
        handler.wfile.flush()
        handler.rfile.read(1)  # until the client goes

    way.plays += [answer(201, job(5)), silence]
    with pytest.raises(TimeoutError):
        way.wait(timeout_s=0.3)


def test_a_service_that_stays_away_is_unreachable(way: Way):
    way.plays += [hang_up] * 3
    with pytest.raises(Unreachable):
        way.do(lambda client: client.events(9, patience_s=0.1))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAuthenticated), (403, NotAllowed), (404, NotThere), (409, NotNow), (412, Changed), (422, NotValid),
     (429, Busy), (503, Busy), (418, ApiRefused)],
)  # fmt: skip
def test_a_refusal_is_an_error_of_its_kind(way: Way, status: int, kind: type[ApiRefused]):
    problem = {
        "title": "No",
        "detail": "not so",
        "errors": [{"place": "$.x", "reason": "why"}],
        "legal_events": ["Paused"],
    }
    way.plays += [answer(status, problem)]
    with pytest.raises(kind, match="not so") as refused:
        way.do(lambda client: client.job(1), retries=0)
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.faults[0].place, refused.value.legal_events) == (
        status,
        "$.x",
        ["Paused"],
    )


def test_what_may_be_asked_twice_is_asked_again(way: Way):
    way.plays += [hang_up, answer(503, {}), answer(200, job(12))]
    assert way.do(lambda client: client.job(12)).id == 12
    assert len(way.asked) == 3


def test_what_may_not_be_asked_twice_is_not(way: Way):
    way.plays += [hang_up]
    with pytest.raises(Unreachable):
        way.do(lambda client: client.cancel(12))
    assert len(way.asked) == 1


def test_a_submission_is_repeated_under_its_key(way: Way):
    way.plays += [hang_up, answer(200, job(5))]
    assert way.do(lambda client: client.submit("w", "london", [b"/caf\xe9"]), retries=0).id == 5
    assert way.asked[0][1]["idempotency-key"] == way.asked[1][1]["idempotency-key"]


def test_a_definition_that_is_not_there_yet_is_made(way: Way):
    kept = {
        "name": "w",
        "filter_rules": [{"action": [{"name": "noop"}]}],
        "version": 1,
        "created_by": "a",
        "created_at": AT,
    }
    way.plays += [answer(404, {}), answer(201, kept)]
    assert way.do(lambda client: client.apply_workflow("w", {"name": "w"})).version == 1
    assert [line for line, _, _ in way.asked] == ["PUT /api/v1/workflows/w", "POST /api/v1/workflows"]


def test_something_else_that_answers_is_no_orchestrator(way: Way):
    way.plays += [answer(200, b"<h1>It works!</h1>", "text/html")]
    with pytest.raises(Unreachable, match="not an orchestrator"):
        way.do(lambda client: client.job(1))


def test_an_answer_of_another_shape_is_told_where_it_differs(way: Way):
    way.plays += [answer(200, job(12) | {"created_at": "some day"})]
    with pytest.raises(Unreachable, match=r"the answer to GET /jobs/12.*created_at"):
        way.do(lambda client: client.job(12))


def test_every_operation_is_there_in_each_way_and_tells_what_it_does():
    names = [
        name for name, kind in inspect.getmembers_static(Operations) if isinstance(kind, Operation | Listing | Starting)
    ]
    assert len(names) > 40
    with Client("http://127.0.0.1:1", "k") as one, DocumentClient("http://127.0.0.1:1", "k") as other:
        for client in (one, other, AsyncClient("http://127.0.0.1:1", "k")):
            for name in names:
                method = getattr(client, name)
                assert method.__name__ == name
                assert method.__doc__, name
    assert inspect.getdoc(Client.job) == "One job."
