"""Paths streamed into a job over HTTP: kept as they come, once each, whatever breaks."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from orchestrator.api import intake
from orchestrator.api.app import make_app
from orchestrator.contracts.paths import unpack
from orchestrator.errors import Conflict, NotFound
from orchestrator.services import take_paths
from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.keys import ensure_admin_key
from orchestrator.stack.wait import wait_until
from tests.asking import asking
from tests.integration.api.conftest import served
from tests.integration.hub.conftest import SECRET, World

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def api(world: World, redis_url: str) -> Iterator[httpx.Client]:
    key = ensure_admin_key(world.engine)
    app = make_app(world.engine, secret=SECRET, redis_url=redis_url)
    with served(app) as (host, port), asking(f"http://{host}:{port}/api/v1", key) as client:
        yield client


@pytest.fixture
def job(world: World) -> int:
    world.define([{"name": "noop"}], discovery="stream", batch_size=100)
    return world.submit([])


def send(api: httpx.Client, job: int, content: bytes | Iterator[bytes], **query: object) -> httpx.Response:
    return api.post(f"/jobs/{job}/paths", content=content, params=query, headers=NDJSON)  # type: ignore[arg-type]


def lines(begin: int, end: int) -> bytes:
    return b"".join(json.dumps(f"/data/{number}").encode() + b"\n" for number in range(begin, end))


def kept(world: World, job: int) -> list[bytes]:
    rows = world.all("select paths from batches where job_id = :job order by id", job=job)
    return [path for row in rows for path in unpack(row.paths).paths]


def finish(world: World) -> None:
    """Do all that there is to do."""
    world.turn(2)
    while world.london.waiting():
        parcel = world.london.parcel()
        if world.london.claim(parcel):
            world.london.finish(parcel, sum(len(unpack(order.paths)) for order in parcel.tasks))
        world.turn(2)


def numbers(end: int) -> list[bytes]:
    return [b"/data/%d" % number for number in range(end)]


def test_work_begins_before_the_stream_is_closed_and_ends_after_it(api: httpx.Client, world: World, job: int) -> None:
    assert send(api, job, lines(0, 250)).json() == {"job_id": job, "lines": 250, "closed": False}
    finish(world)
    shown = api.get(f"/jobs/{job}").json()
    assert (shown["state"], shown["discovery"]) == ("Started", {"state": "Running", "found": 250, "cursor": "250"})
    assert shown["paths"]["processed"] == 250
    answer = send(api, job, b'{"path": "/data/250", "state": "new", "size": 7}\n"/data/251"', close="true")
    assert answer.json() == {"job_id": job, "lines": 252, "closed": True}
    finish(world)
    assert world.state(job) == "Success"
    assert kept(world, job) == numbers(252)
    [batch] = world.all("select paths from batches where job_id = :job order by id desc limit 1", job=job)
    assert (unpack(batch.paths).states, unpack(batch.paths).sizes) == (["new", None], [7, None])


def test_an_empty_stream_is_a_success(api: httpx.Client, world: World, job: int) -> None:
    assert send(api, job, b"", close="true").status_code == 200
    world.turn()
    assert world.state(job) == "Success"


def test_what_is_sent_again_is_added_once(api: httpx.Client, world: World, job: int) -> None:
    assert send(api, job, lines(0, 100), offset=0).json()["lines"] == 100
    assert send(api, job, lines(0, 100), offset=0).json()["lines"] == 100
    assert send(api, job, lines(50, 150), offset=50).json()["lines"] == 150
    early = send(api, job, lines(160, 170), offset=160)
    assert (early.status_code, early.json()["detail"]) == (
        409, f"line 160 comes too early: 150 lines of job {job} are kept, go on with that",
    )  # fmt: skip
    for _ in range(2):
        assert send(api, job, lines(140, 200), offset=140, close="true").json()["lines"] == 200
        finish(world)
    assert send(api, job, lines(200, 201), offset=200, close="true").status_code == 409
    assert kept(world, job) == numbers(200)
    assert world.state(job) == "Success"


def test_empty_lines_count_and_are_no_paths(api: httpx.Client, world: World, job: int) -> None:
    assert send(api, job, b'\n"/data/0"\r\n \n"/data/1"\n').json()["lines"] == 4
    assert kept(world, job) == numbers(2)


def test_rules_are_applied_and_the_rest_is_counted(api: httpx.Client, world: World) -> None:
    world.define([{"name": "noop"}], [{"name": "noop"}], discovery="stream")
    job = world.submit([])
    send(api, job, b'"a.1"\n"b.0"\n"c.2"\n"d.1"\n', close="true")
    rows = world.all("select rule, paths from batches where job_id = :job order by rule", job=job)
    assert [(row.rule, unpack(row.paths).paths) for row in rows] == [(0, [b"b.0"]), (1, [b"a.1", b"d.1"])]
    finish(world)
    shown = api.get(f"/jobs/{job}").json()
    assert (shown["paths"]["unmatched"], shown["state"]) == (1, "Success")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"/data", "is not JSON"), (b"{}", "neither path"), (b"3", "has to be a text"), (b'""', "is empty"),
        (b'"\\u0000"', "NUL"), (b'{"path": "/a", "sise": 3}', "unknown key 'sise'"), (b"\xff", "is not JSON"),
        (b'{"path": "/a", "size": -1}', "size has to be"), (b'{"path": "/a", "state": ""}', "state has to be"),
        (b'{"path_b64": "%"}', "not base64"), (b'"%s"' % (b"x" * 40_000), "longer than"), (b"[" * 9999, "is not JSON"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_those_before_it_stay(
    api: httpx.Client, world: World, job: int, line: bytes, reason: str
) -> None:
    answer = send(api, job, lines(0, 3) + line + b"\n" + lines(4, 9))
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["place"] == "line 4"
    assert reason in error["reason"]
    assert "go on with offset=3" in answer.json()["detail"]
    assert send(api, job, lines(3, 9), offset=3).json()["lines"] == 9
    assert kept(world, job) == numbers(9)


def test_limits_are_on_a_line_and_not_on_the_whole(api: httpx.Client, world: World, job: int) -> None:
    answer = send(api, job, lines(0, 2) + b'"' + b"x" * 300_000)
    assert (answer.status_code, answer.json()["detail"]) == (413, "line 3 is longer than 262144 bytes")
    long = json.dumps("/" + "\N{OGHAM LETTER BEITH}" * 10_000).encode() + b"\n"
    assert len(long) * 20 > 1024 * 1024, "more than any other body may be"
    assert send(api, job, long * 20, offset=2).json()["lines"] == 22
    assert len(kept(world, job)) == 22


def test_refusals_come_in_their_order(api: httpx.Client, world: World, job: int) -> None:
    assert api.post(f"/jobs/{job}/paths", content=b"x", headers=NDJSON | {"Authorization": "x"}).status_code == 401
    assert send(api, job + 100, b"x").status_code == 404
    assert api.post(f"/jobs/{job}/paths", content=b"x", headers={"Content-Type": "text/html"}).status_code == 415
    assert send(api, job, b"x", offset=-1).status_code == 422
    assert send(api, job, b"x", ofset=1).json()["errors"][0]["place"] == "?ofset"
    world.turn()
    world.control(pause, job)
    world.turn()
    answer = send(api, job, b"x")
    assert (answer.status_code, answer.json()["detail"]) == (
        409, f"job {job} is Paused and takes no paths now; 0 lines are kept",
    )  # fmt: skip


def test_only_streams_take_paths(api: httpx.Client, world: World) -> None:
    world.define([{"name": "noop"}])
    other = world.submit()
    assert "takes no paths" in send(api, other, b'"/a"').json()["detail"]
    with pytest.raises(NotFound), world.engine.begin() as tx:
        take_paths.close(tx, other + 1)


def test_a_key_that_is_bound_to_another_site_adds_nothing(api: httpx.Client, world: World, job: int) -> None:
    keys = {site: api.post("/keys", json={"user": "admin", "site": site}).json()["key"] for site in ("london", "paris")}
    for site, status in (("paris", 403), ("london", 200)):
        headers = NDJSON | {"Authorization": f"Bearer {keys[site]}"}
        assert api.post(f"/jobs/{job}/paths", content=lines(0, 1), headers=headers).status_code == status
    assert kept(world, job) == numbers(1)


def test_paths_come_while_it_is_paused_and_resumed_and_cancelled(api: httpx.Client, world: World, job: int) -> None:
    send(api, job, lines(0, 10))
    world.turn()
    world.control(pause, job)
    world.turn(2)
    assert world.state(job) == "Paused"
    assert send(api, job, lines(10, 20), offset=10).status_code == 409
    world.control(resume, job)
    world.turn(2)
    assert send(api, job, lines(10, 20), offset=10).json()["lines"] == 20
    world.control(pause, job)
    world.turn(2)
    world.control(cancel, job)
    world.turn(4)
    assert world.state(job) == "Cancelled"
    answer = send(api, job, lines(20, 30), offset=20)
    assert (answer.status_code, "Cancelled" in answer.json()["detail"]) == (409, True)


def test_a_job_that_is_paused_in_the_middle_of_a_request_keeps_what_came(
    api: httpx.Client, world: World, job: int
) -> None:
    def body() -> Iterator[bytes]:
        yield lines(0, 10)
        assert wait_until(lambda: len(kept(world, job)) == 10, 20), "lines are kept as they come"
        world.turn()
        world.control(pause, job)
        world.turn(2)
        yield lines(10, 20)

    assert send(api, job, body()).status_code == 409
    assert world.state(job) == "Paused"
    world.control(resume, job)
    world.turn()
    assert send(api, job, lines(10, 20), offset=10, close="true").json()["lines"] == 20
    finish(world)
    assert (kept(world, job), world.state(job)) == (numbers(20), "Success")


def test_a_connection_that_breaks_loses_no_line_that_is_counted(api: httpx.Client, world: World, job: int) -> None:
    host, port = str(api.base_url.host), api.base_url.port
    assert port is not None
    with socket.create_connection((host, port)) as connection:
        head = f"POST /api/v1/jobs/{job}/paths?offset=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        key = api.headers["Authorization"]
        connection.sendall(f"{head}Authorization: {key}\r\nContent-Type: application/x-ndjson\r\n\r\n".encode())
        connection.sendall(lines(0, 10) + b'"/data/1')
    # Without waiting for the one before: the same lines come twice at once, and are added once.
    assert send(api, job, lines(0, 20), offset=0).json()["lines"] == 20
    assert wait_until(lambda: len(kept(world, job)) == 20, 20)
    assert sorted(kept(world, job)) == sorted(numbers(20))


def test_many_senders_of_the_same_lines_add_them_once(api: httpx.Client, world: World, job: int) -> None:
    answers: list[int] = []
    key = api.headers["Authorization"].removeprefix("Bearer ")

    def sender() -> None:
        with asking(api.base_url, key) as client:
            answers.append(send(client, job, iter([lines(0, 3000), lines(3000, 12_000)]), offset=0).json()["lines"])

    threads = [threading.Thread(target=sender) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [12_000] * 4
    assert kept(world, job) == numbers(12_000)


def test_a_job_with_too_much_to_do_makes_its_sender_wait(
    api: httpx.Client, world: World, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_paths, "MOST_OPEN_TASKS", 5)
    monkeypatch.setattr(intake, "MOST_LINES", 100)
    done = threading.Event()
    answers: list[httpx.Response] = []

    def sender() -> None:
        answers.append(send(api, job, lines(0, 2000), close="true"))
        done.set()

    thread = threading.Thread(target=sender)
    thread.start()
    most = 0
    deadline = time.monotonic() + 40
    while not done.is_set():
        assert time.monotonic() < deadline
        most = max(most, world.one("select open_tasks from progress where job_id = :job", job=job).open_tasks)
        if most > 5:
            finish(world)
    thread.join()
    finish(world)
    assert 5 < most <= 7
    assert answers[0].json() == {"job_id": job, "lines": 2000, "closed": True}
    assert (kept(world, job), world.state(job)) == (numbers(2000), "Success")


def test_it_says_why_it_does_not_end(api: httpx.Client, world: World, job: int) -> None:
    send(api, job, lines(0, 3))
    finish(world)
    [cause] = api.get(f"/jobs/{job}/why").json()["items"]
    assert cause["cause"] == "stream_open"
    assert "3 lines so far" in cause["detail"]


def test_what_is_refused_keeps_nothing(world: World, job: int) -> None:
    with world.engine.begin() as tx:
        rules = take_paths.rules_of(tx, job)
    line = take_paths.PathLine(b"/a")
    with pytest.raises(Conflict, match="too early"), world.engine.begin() as tx:
        take_paths.take(tx, job, [line], 1, rules)
    with world.engine.begin() as tx:
        assert take_paths.take(tx, job, [line, None], 0, rules).lines == 2
        assert take_paths.take(tx, job, [line, None, line], 0, rules).lines == 3
    assert kept(world, job) == [b"/a", b"/a"]
