"""Both clients, one description: the same requests, the same models, the same errors, whichever way they are sent."""

import inspect
import json
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
from orchestrator.client.operation import Each, Listing, Operation, Several, Starting
from orchestrator.contracts.views import Job, Snapshot
from orchestrator.errors import Unreachable
from tests.unit.client.stage import answer, hang_up, stream
from tests.unit.client.ways import AT, Way, job, told, way

__all__ = ["way"]


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


def test_a_schedule_is_meant_by_its_name(way: Way):
    firing: dict[str, Any] = {
        "id": 1,
        "schedule_id": 7,
        "due_at": AT,
        "at": AT,
        "outcome": "started",
        "job_id": 5,
        "by": "ann",
    }
    firing["reason"] = None
    way.plays += [answer(200, {"items": [{"id": 7}]}), answer(202, firing), answer(200, {"items": []})]
    assert way.do(lambda client: client.run_schedule("nightly")).job_id == 5
    with pytest.raises(NotThere, match="there is no schedule 'none'"):
        way.do(lambda client: client.delete_schedule("none"))
    assert [line for line, _, _ in way.asked] == [
        "GET /api/v1/schedules?name=nightly&limit=1",
        "POST /api/v1/schedules/7/run",
        "GET /api/v1/schedules?name=none&limit=1",
    ]


def test_a_definition_is_replaced_only_as_it_was_read(way: Way):
    way.plays += [answer(412, {"detail": "it has been changed since"})]
    with pytest.raises(Changed):
        way.do(lambda client: client.apply_workflow("w", {"name": "w"}, over=3))
    assert way.asked[0][1]["if-match"] == '"3"'


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
        name
        for name, kind in inspect.getmembers_static(Operations)
        if isinstance(kind, Operation | Listing | Starting | Several | Each)
    ]
    assert len(names) > 90
    with Client("http://127.0.0.1:1", "k") as one, DocumentClient("http://127.0.0.1:1", "k") as other:
        for client in (one, other, AsyncClient("http://127.0.0.1:1", "k")):
            for name in names:
                method = getattr(client, name)
                assert method.__name__ == name
                assert method.__doc__, name
    assert inspect.getdoc(Client.job) == "One job."
