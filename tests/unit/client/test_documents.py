"""The client against answers that a healthy service does not give: a server of the test's own plays them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.client import ApiRefused, DocumentClient, parse_events
from orchestrator.errors import Fault, Refused, Unreachable
from tests.unit.client.stage import Asked, Play, answer, event, hang_up, staged, stream


@pytest.fixture
def stage() -> Iterator[tuple[list[Play], Asked, DocumentClient]]:
    with staged() as (plays, asked, url), DocumentClient(url, "a-key") as client:
        yield plays, asked, client


def test_the_key_and_the_address_are_sent(stage: Any) -> None:
    plays, asked, client = stage
    plays += [answer(200, {"id": 12})]
    assert client.job(12) == {"id": 12}
    [(line, headers, _)] = asked
    assert line == "GET /api/v1/jobs/12"
    assert headers["authorization"] == "Bearer a-key"


def test_a_problem_document_becomes_what_was_refused_with_places(stage: Any) -> None:
    plays, _, client = stage
    faults = [{"place": "$.fields.zoom", "reason": "is not a whole number"}]
    plays += [
        answer(422, {"title": "Unprocessable", "status": 422, "detail": "the request is wrong", "errors": faults})
    ]
    with pytest.raises(ApiRefused, match="the request is wrong") as refused:
        client.submit("w", "london", [b"/in"])
    assert refused.value.status == 422
    assert refused.value.faults == (Fault("$.fields.zoom", "is not a whole number"),)


def test_the_legal_events_of_a_conflict_are_kept(stage: Any) -> None:
    plays, _, client = stage
    plays += [
        answer(409, {"title": "Conflict", "status": 409, "detail": "no", "errors": [], "legal_events": ["pause"]})
    ]
    with pytest.raises(ApiRefused) as refused:
        client.job(1)
    assert refused.value.legal_events == ["pause"]


@pytest.mark.parametrize("page", [b"<h1>Bad gateway</h1>", b"[]", b'"no"'])
def test_a_refusal_that_is_no_problem_document_names_the_status(stage: Any, page: bytes) -> None:
    plays, _, client = stage
    plays += [answer(502, page)]
    with pytest.raises(ApiRefused, match="502 Bad Gateway"):
        client.job(1)


def test_something_else_that_answers_is_no_orchestrator(stage: Any) -> None:
    plays, _, client = stage
    plays += [answer(200, b"<h1>It works!</h1>", "text/html")]
    with pytest.raises(Unreachable, match="not an orchestrator"):
        client.job(1)


def test_nobody_there_is_unreachable_and_says_what_to_do() -> None:
    with DocumentClient("http://127.0.0.1:1", "key") as client, pytest.raises(Unreachable, match="orchestrator up"):
        client.job(1)


@pytest.mark.parametrize(("url", "key"), [("http://[::1", "key"), ("http://localhost:1", "schlüssel\u20ac")])
def test_an_address_or_key_that_can_not_be_used_is_said_so(url: str, key: str) -> None:
    with pytest.raises(Unreachable, match="can not be used"):
        DocumentClient(url, key)


def test_lists_are_read_page_by_page(stage: Any) -> None:
    plays, asked, client = stage
    plays += [
        answer(200, {"items": [{"id": 3}, {"id": 2}], "next_cursor": "a/b"}),
        answer(200, {"items": [{"id": 1}], "next_cursor": None}),
    ]
    assert [item["id"] for item in client.jobs(state=["Started", "Pending"], site=None)] == [3, 2, 1]
    assert [line for line, _, _ in asked] == [
        "GET /api/v1/jobs?state=Started&state=Pending&limit=500",
        "GET /api/v1/jobs?state=Started&state=Pending&cursor=a%2Fb&limit=500",
    ]


def test_no_more_pages_are_read_than_are_wanted(stage: Any) -> None:
    plays, asked, client = stage
    plays += [answer(200, {"items": [{"id": 3}, {"id": 2}], "next_cursor": "x"})]
    assert [item["id"] for item in client.jobs(limit=2)] == [3, 2]
    assert len(asked) == 1


def test_a_submission_that_got_no_answer_is_repeated_under_the_same_key(stage: Any) -> None:
    plays, asked, client = stage
    plays += [hang_up, answer(200, {"id": 5})]
    job = client.submit("w", "london", [b"/in", b"/caf\xe9"], fields={"a": 1}, queue=None, priority=7)
    assert job == {"id": 5}
    assert asked[0][1]["idempotency-key"] == asked[1][1]["idempotency-key"]
    assert json.loads(asked[1][2]) == {
        "workflow": "w",
        "site": "london",
        "paths": ["/in", {"path_b64": "L2NhZuk="}],
        "fields": {"a": 1},
        "priority": 7,
    }


def test_a_name_that_is_no_text_reaches_the_service_which_refuses_it(stage: Any) -> None:
    plays, asked, client = stage
    plays += [answer(422, {"detail": "no", "errors": []}), answer(404, {"detail": "no", "errors": []})]
    with pytest.raises(ApiRefused):
        client.submit("w\udce9", "london", ["/in"])
    with pytest.raises(ApiRefused):
        client.workflow("w\udce9/../x")
    assert asked[1][0] == "GET /api/v1/workflows/w%E9%2F..%2Fx"
    with pytest.raises(Refused, match="not text"):
        list(client.jobs(workflow=["w\udce9"]))


def test_events_go_on_where_the_connection_broke(stage: Any) -> None:
    plays, asked, client = stage
    plays += [
        stream(": hello\n\n", event(1, "Pending"), event(2, "Started")),
        hang_up,
        stream(event(3, "Success")),
    ]
    assert [item["state"] for item in client.events(9)] == ["Pending", "Started", "Success"]
    assert [headers.get("last-event-id") for _, headers, _ in asked] == [None, "2", "2"]


def test_without_streams_the_job_is_asked_for(stage: Any) -> None:
    plays, _, client = stage
    rest: dict[str, Any] = {"tasks": {}, "paths": {}, "progress": {}}
    plays += [answer(501, {}), answer(200, {"state": "Started", **rest}), answer(200, {"state": "Failure", **rest})]
    assert [item["state"] for item in client.events(9)] == ["Started", "Failure"]


def test_a_job_that_does_not_exist_is_not_waited_for(stage: Any) -> None:
    plays, _, client = stage
    plays += [answer(404, {"title": "Not Found", "detail": "there is no job 9", "errors": []})]
    with pytest.raises(ApiRefused, match="there is no job 9"):
        list(client.follow(9))


def test_a_service_that_stays_away_is_unreachable(stage: Any) -> None:
    plays, _, client = stage
    plays += [hang_up] * 3
    with pytest.raises(Unreachable):
        list(client.follow(9, patience_s=0.1))


def test_events_are_read_as_the_format_has_them() -> None:
    lines = [": comment", "event: job", "id:4", 'data: {"a":', "data:1}", "", "", "data: {}", "", "data: {"]
    assert list(parse_events(lines)) == [("4", {"a": 1}), ("4", {})]


def happened(seq: int, id: str = "") -> str:
    return (f"id: {id}\n" if id else "") + f'data: {{"job": 1, "seq": {seq}}}\n\n'


def test_all_events_go_on_where_they_were_and_come_once(stage: Any) -> None:
    plays, asked, client = stage
    plays += [
        stream("retry: 1000\n\n", ": listening\nid: 5:5:\n\n", happened(1, "6:6:"), happened(2)),
        answer(503, {"title": "Service Unavailable", "status": 503, "detail": "it stops"}),
        stream("retry: 1000\n\n", happened(2), happened(3, "8:8:"), ": nothing new\nid: 9:9:\n\n"),
        stream("event: reset\nid: 11:11:\ndata: {}\n\n", happened(9, "12:12:")),
        answer(401, {"title": "Unauthorized", "status": 401, "detail": "the key is revoked"}),
    ]
    heard: list[Any] = []

    def hear() -> None:
        for told in client.all_events(site=["london"], workflow=None):
            heard.append(told.get("seq", told.get("event")))  # noqa: PERF401 - it ends by an error

    with pytest.raises(ApiRefused, match="revoked"):
        hear()
    assert heard == [1, 2, 3, "reset", 9]
    assert [headers.get("last-event-id") for _, headers, _ in asked] == [None, "6:6:", "6:6:", "9:9:", "12:12:"]
    assert {line for line, _, _ in asked} == {"GET /api/v1/events?site=london"}
