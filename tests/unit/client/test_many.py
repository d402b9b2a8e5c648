"""What goes in several requests, in both ways."""

import json

import pytest

from orchestrator.client import Busy
from tests.unit.client.stage import Play, answer, hang_up
from tests.unit.client.ways import Way, way

__all__ = ["way"]


def test_much_is_done_in_several_requests_and_told_together(way: Way):
    def page(made: list[int], cursor: str | None) -> Play:
        counts = {"matched": 3, "changed": 2, "unchanged": 0, "skipped": 1, "made": made}
        skips = [{"job_id": 7, "state": "Success", "why": "it has ended"}]
        return answer(200, {"action": "hold", "dry_run": False, "skips": skips, "next_cursor": cursor} | counts)

    way.plays += [page([1, 2], "x"), page([3, 4], None)]
    done = way.do(lambda client: client.bulk("hold", {"state": ["Started"]}, reason="the disk"))
    assert (done.matched, done.changed, done.skipped, done.made, len(done.skips)) == (6, 4, 2, [1, 2, 3, 4], 2)
    first = {"action": "hold", "filter": {"state": ["Started"]}, "dry_run": False, "reason": "the disk"}
    assert [json.loads(body) for _, _, body in way.asked] == [first, first | {"cursor": "x"}]


def test_many_jobs_are_submitted_some_hundred_at_a_time_and_each_has_its_answer(way: Way):
    def lines(numbers: range) -> bytes:
        told = ({"line": n, "status": 201, "job_id": n, "state": "Pending"} for n in numbers)
        return b"".join(json.dumps(one).encode() + b"\n" for one in told)

    away = lines(range(1, 3)) + json.dumps({"line": 3, "status": 503, "detail": "the database is away"}).encode()
    rest = lines(range(1, 2)) + json.dumps({"line": 2, "status": 422, "detail": "no"}).encode()
    way.plays += [answer(200, content, "application/x-ndjson") for content in (away, lines(range(1, 501)), rest)]
    jobs = [{"workflow": "w", "site": "london", "paths": [f"/{n}"]} for n in range(502)]
    found = way.do(lambda client: client.submit_many(jobs, idempotency_key="night-1"))
    assert [one.line for one in found] == list(range(1, 503))
    assert [one.status for one in found] == [201] * 501 + [422]
    keys = [headers["idempotency-key"] for _, headers, _ in way.asked]
    assert keys == ["night-1.0", "night-1.0", "night-1.500"]
    assert [body.count(b"\n") for _, _, body in way.asked] == [500, 500, 2]


def test_a_part_that_stays_away_ends_a_submission_of_many(way: Way):
    away = json.dumps({"line": 1, "status": 503, "title": "Service Unavailable", "detail": "it is away"}).encode()
    way.plays += [answer(200, away, "application/x-ndjson", Retry_After="0")] * 3
    with pytest.raises(Busy, match="it is away"):
        way.do(lambda client: client.submit_many([{"workflow": "w"}]))


def test_paths_go_on_behind_those_that_are_there(way: Way):
    def there(lines: int, *, closed: bool = False) -> Play:
        return answer(200, {"job_id": 9, "lines": lines, "closed": closed})

    way.plays += [there(10_001), hang_up, there(10_002), there(10_002, closed=True)]
    paths = [f"/{n}" for n in range(10_000)] + [b"/caf\xe9", {"path": "/b", "size": 3}]
    done = way.do(lambda client: client.add_paths(9, paths, offset=0, close=True))
    assert (done.lines, done.closed) == (10_002, True)
    sent = [(line.partition("?")[2], body) for line, _, body in way.asked]
    last = b'{"path_b64": "L2NhZuk="}\n{"path": "/b", "size": 3}\n'
    assert sent == [("offset=0", b""), *[("offset=10000", last)] * 2, ("offset=10002&close=true", b"")]
