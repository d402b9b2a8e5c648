"""Live events and waiting, in both ways, wherever the stream breaks or is put off."""

import json
from typing import Any

import pytest

from orchestrator.client import Busy, Heard, JobNotSuccessful, NotAuthenticated, Reset
from orchestrator.errors import Unreachable
from tests.unit.client.stage import answer, hang_up, stream
from tests.unit.client.ways import AT, Way, job, told, way

__all__ = ["way"]


def test_events_go_on_where_the_connection_broke(way: Way):
    way.plays += [stream(told(1, "Pending"), told(2, "Started")), hang_up, stream(told(3, "Success"))]
    found = way.do(lambda client: client.events(9, after=0))
    assert [one.state for one in found] == ["Pending", "Started", "Success"]
    assert [headers.get("last-event-id") for _, headers, _ in way.asked] == ["0", "2", "2"]


def test_where_no_stream_gets_through_the_job_is_asked_for(way: Way):
    way.plays += [answer(200, b"<html>", "text/html"), answer(200, job(9)), answer(200, job(9, "Success"))]
    assert [one.state for one in way.do(lambda client: client.events(9))] == ["Started", "Success"]


def test_a_stream_that_is_put_off_is_tried_again_and_the_job_asked_for_meanwhile(way: Way):
    full = answer(503, {"title": "Service Unavailable", "detail": "too many listen"}, Retry_After="0")
    way.plays += [full, answer(200, job(9)), full, answer(200, job(9)), stream(told(2, "Started"), told(3, "Success"))]
    assert [(one.seq, one.state) for one in way.do(lambda client: client.events(9))] == [
        (0, "Started"), (2, "Started"), (3, "Success"),
    ]  # fmt: skip
    assert [line.rpartition("/")[2] for line, _, _ in way.asked] == ["events", "9", "events", "9", "events"]


def test_a_service_that_is_there_but_can_do_nothing_is_waited_for_and_then_told(way: Way):
    way.plays += [answer(503, {"title": "Service Unavailable", "detail": "the database is away"})] * 9
    with pytest.raises(Busy, match="the database is away"):
        way.do(lambda client: client.events(9, patience_s=0.1), retries=0)
    assert len(way.asked) > 2


def test_who_comes_back_after_the_end_is_told_nothing_more(way: Way):
    way.plays += [answer(204, b"")]
    assert way.do(lambda client: client.events(9, after=3)) == []


def test_a_job_is_waited_for_by_its_number(way: Way):
    way.plays += [stream(told(3, "Failure")), answer(503, {}), answer(200, job(9, "Failure"))]
    with pytest.raises(JobNotSuccessful):
        way.do(lambda client: client.wait(9, check=True))


def test_what_happens_to_all_jobs_comes_once_with_where_to_go_on(way: Way):
    def happened(seq: int, id: str = "") -> str:
        told = dict.fromkeys(("name", "workflow", "site", "parent", "to", "reason", "comment"))
        told |= {"job": 1, "seq": seq, "at": AT, "kind": "batch", "owner": "ann", "event": "Resumed", "actor": "ann"}
        return (f"id: {id}\n" if id else "") + f"data: {json.dumps(told)}\n\n"

    way.plays += [
        stream(": listening\nid: 5:5:\n\n", happened(1, "6:6:"), happened(2)),
        answer(503, {"title": "Service Unavailable"}, Retry_After="0"),
        stream(happened(2), happened(3, "8:8:")),
        stream("event: reset\nid: 11:11:\ndata: {}\n\n"),
        answer(401, {"title": "Unauthorized", "detail": "the key is revoked"}),
    ]
    heard: list[Heard | Reset] = []

    def hear(client: Any) -> Any:
        if way.waits:
            return map(heard.append, client.all_events(site=["london"], owner=None))

        async def each() -> None:
            async for one in client.all_events(site=["london"], owner=None):
                heard.append(one)  # noqa: PERF401 - it ends by an error

        return each()

    with pytest.raises(NotAuthenticated):
        way.do(lambda client: list(hear(client)) if way.waits else hear(client))
    assert [(getattr(one, "seq", None), one.after) for one in heard] == [
        (1, "6:6:"), (2, "6:6:"), (3, "8:8:"), (None, "11:11:"),
    ]  # fmt: skip
    assert {line for line, _, _ in way.asked} == {"GET /api/v1/events?site=london"}


def test_what_answers_without_streaming_is_no_stream_of_all_jobs(way: Way):
    way.plays += [answer(200, b"<html>", "text/html")]
    with pytest.raises(Unreachable, match="no stream"):
        way.do(lambda client: client.all_events())


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
