"""Whatever is sent to whichever route, it is answered with a problem that says what and where, and never with a 500."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine, insert

from orchestrator.api.app import ROUTERS, make_app
from orchestrator.api.body_limit import MIB, largest
from orchestrator.api.openapi import permission_of
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.roles import Permission
from orchestrator.services.hold import Scope
from orchestrator.storage import tables
from orchestrator.storage.queries.keyset import encode
from tests.integration.api.conftest import SECRET
from tests.integration.api.rows import add_chain, add_job
from tests.integration.api.test_sites import add_site

BODIES: Mapping[str, bytes] = {
    "no text": b"\xff\xfe{",
    "no JSON": b"{nonsense",
    "no number": b'{"a": NaN}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "half a character": b'{"reason": "\\ud800", "name": "\\udfff"}',
    "a huge number": b'{"priority": ' + b"9" * 5_000 + b"}",
    "beyond floats": b'{"priority": 1e999999}',
    "twice": b'{"reason": "a", "reason": "b"}',
    "unknown": b'{"no_such_field": "\\u0000"}',
    "a text": b'"x"',
    "a list": b"[]",
    "null": b"null",
}
TYPES = (
    "text/plain",
    "multipart/form-data",
    "application/json; charset=utf-16",
    "application/jsonx",
    "/",
    "application/xml",
)
QUERIES = (
    "nonsense=1", "limit=-1", "limit=0", "limit=501", "limit=1e3", "limit=" + "9" * 5000, "limit=1&limit=2&x=%00",
    "cursor=%00", "cursor=x", "cursor=" + "A" * 3000, "cursor=%F0%9F%98%80", "%00=1", "=",
)  # fmt: skip
SEGMENTS = (
    "%00", "%ED%A0%80", "%FF", "..%2F..", "%2e%2e", "%F0%9F%98%80", "x" * 5000, "-1", "9" * 400, "1.5", "%0A", "%20",
)  # fmt: skip
HEADERS: tuple[dict[str, bytes], ...] = (
    {"If-Match": b'"'},
    {"If-Match": b",,,"},
    {"If-Match": b"W/\xff"},
    {"If-Match": b"x" * 3000},
    {"Idempotency-Key": b"\xff\xfe"},
    {"Idempotency-Key": b"x" * 3000},
    {"Last-Event-ID": b"9" * 400},
    {"Last-Event-ID": b"\xff"},
    {"Content-Range": b"bytes 9-1/*"},
    {"Repr-Digest": b"sha-256=:\xff:"},
    {"Range": b"bytes=" + b"9" * 400 + b"-"},
)
VERDICTS = {"POST /api/v1/workflows/validate"}
"""They say of anything whether it could be used."""
ENDLESS = {"GET /api/v1/events", "GET /api/v1/jobs/{job_id}/events"}


@pytest.fixture
def app(engine: Engine, redis_url: str, tmp_path: Path) -> FastAPI:
    """With all its parts, since one that is missing is 503 by intent."""
    attachments, workspaces = tmp_path / "attachments", tmp_path / "workspaces"
    return make_app(engine, secret=SECRET, redis_url=redis_url, attachments_folder=attachments, workspaces=workspaces)


@pytest.fixture
def known(engine: Engine) -> dict[str, object]:
    """What there is, by the name of the parameter: so that it is not all 404."""
    with engine.begin() as tx:
        add_site(tx, "london", functions=("worker", "discovery"))
        job = add_job(tx, state=JobState.STARTED)
        task = add_chain(tx, job, [b"/a"], [{"given": 1}]) << 6
        hold = insert(tables.holds).values(**Scope(site="london").columns, kind="manual", reason="r", author="a")
        return {"job_id": job, "task_id": task, "hold_id": tx.execute(hold.returning(tables.holds.c.id)).scalar_one()}


def routes(*, with_path: bool = False) -> Iterator[tuple[str, str, APIRoute]]:
    """Method, path and route of all that needs a key."""
    for prefix, router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and permission_of(route) is not Permission.OPEN:
                for method in route.methods or ():
                    if not with_path or "{" in route.path:
                        yield method, prefix + route.path_format, route


def address(path: str, known: Mapping[str, object], otherwise: str = "london") -> str:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    for name in names:
        path = path.replace("{" + name + "}", str(known.get(name, 1 if name.endswith("_id") else otherwise)))
    return path


def refused(answer: httpx.Response, what: str, *, may_be_well: bool = False) -> str | None:
    """What is wrong with an answer to what is odd."""
    status = answer.status_code
    if may_be_well and status < 400:
        return None
    if not 400 <= status < 500:
        return f"{what}: {status} {answer.text[:200]}"
    if status != 405 and answer.headers["content-type"] != "application/problem+json":
        return f"{what}: no problem document: {answer.text[:200]}"
    told = answer.json()
    if told["status"] != status or not told["detail"] or (status == 422 and not told["errors"]):
        return f"{what}: says too little: {answer.text[:200]}"
    return None


def asked(api: httpx.Client, method: str, url: str, what: str, **more: Any) -> str | None:
    may_be_well = more.pop("may_be_well", False)
    with api.stream(method, url, **more) as answer:
        if answer.status_code < 400 and "event-stream" in answer.headers.get("content-type", ""):
            return None if may_be_well else f"{what}: {answer.status_code}"
        answer.read()
    return refused(answer, f"{method} {url[:120]}: {what}", may_be_well=may_be_well)


def test_bodies(api: httpx.Client, known: dict[str, object]) -> None:
    wrong: list[str | None] = []
    for method, path, route in routes():
        body = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
        if "application/json" in body:
            sent = [("application/json", what, content) for what, content in BODIES.items()]
            sent += [(kind, kind, b"{]") for kind in TYPES]
            url, well = address(path, known), f"{method} {path}" in VERDICTS
            wrong += [
                asked(api, method, url, what, content=content, headers={"Content-Type": kind}, may_be_well=well)
                for kind, what, content in sent
            ]
    assert len(wrong) > 600
    assert not [one for one in wrong if one]


def test_queries_and_cursors(api: httpx.Client, known: dict[str, object]) -> None:
    wrong: list[str | None] = []
    for method, path, _ in routes():
        url = address(path, known)
        if method != "GET" or f"{method} {path}" in ENDLESS:
            continue
        # An empty name is none, to the parser.
        wrong += [asked(api, method, f"{url}?{query}", query[:40], may_be_well=query == "=") for query in QUERIES]
        for place in (["x"], [2**70]):
            cursor = encode("jobs", place)
            wrong.append(asked(api, method, f"{url}?cursor={cursor}", f"cursor {place}"))
    assert not [one for one in wrong if one]


def test_a_cursor_is_good_for_its_own_list_alone(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        job, _, _ = (add_job(tx) for _ in range(3))
    cursor = api.get("/api/v1/jobs?limit=1").json()["next_cursor"]
    assert api.get(f"/api/v1/jobs?cursor={cursor}").status_code == 200
    for other in ("holds", "keys", "audit", "schedules", "users", f"jobs/{job}/tasks", f"jobs/{job}/history"):
        answer = api.get(f"/api/v1/{other}?cursor={cursor}")
        assert answer.status_code == 422, other
        assert answer.json()["errors"] == [{"place": "?cursor", "reason": "not a cursor of this list"}]
    beyond = encode("history.seq", [2**62])
    assert api.get(f"/api/v1/jobs/{job}/history?cursor={beyond}").json() == {"items": [], "next_cursor": None}


def test_path_segments(api: httpx.Client) -> None:
    wrong: list[str | None] = []
    for method, path, _ in routes(with_path=True):
        for segment in SEGMENTS:
            url = address(path, dict.fromkeys((part.partition("}")[0] for part in path.split("{")[1:]), segment))
            wrong.append(asked(api, method, url, segment[:20], content=b"{}" if method != "GET" else None))
    assert not [one for one in wrong if one]


def test_headers(api: httpx.Client, app: FastAPI, known: dict[str, object]) -> None:
    wrong: list[str | None] = []
    for method, path, _ in routes():
        operation = app.openapi()["paths"][path][method.lower()]
        taken = {one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"}
        for headers in HEADERS:
            [(name, value)] = headers.items()
            if name.lower() in taken:
                raw = [(name.encode(), value)]
                url, content = address(path, known, "none"), b"{}" if method in ("PUT", "POST", "PATCH") else None
                wrong.append(asked(api, method, url, str(raw)[:80], headers=raw, content=content, may_be_well=True))
    assert len(wrong) > 60
    assert not [one for one in wrong if one]


@pytest.mark.parametrize("key", [b"\xff\xfe", b"x" * 20_000, b"tq_\x80", b"tq_a_b c"])
def test_keys_that_are_none(anonymous: httpx.Client, key: bytes) -> None:
    answer = anonymous.get("/api/v1/jobs", headers=[(b"Authorization", b"Bearer " + key)])
    assert refused(answer, "key") is None
    assert answer.status_code == 401


def test_a_key_that_was_used_for_another_body_is_a_conflict(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    assert api.post("/api/v1/groups", json={"name": "one"}, headers=headers).status_code == 201
    assert api.post("/api/v1/groups", json={"name": "one"}, headers=headers).status_code == 200
    other = api.post("/api/v1/groups", json={"name": "other"}, headers=headers)
    assert refused(other, "key") is None
    assert other.status_code == 409


def test_only_what_is_large_by_nature_may_be_large() -> None:
    large = {path for _, path, _ in routes() if largest(address(path, {"job_id": 1})) != MIB}
    assert large == {
        "/api/v1/jobs", "/api/v1/jobs/batch", "/api/v1/jobs/{job_id}/paths", "/api/v1/jobs/{job_id}/edits",
        "/api/v1/jobs/{job_id}/attachments",
    }  # fmt: skip


def test_ten_mebibytes_are_refused_by_what_they_say_and_by_what_comes(api: httpx.Client) -> None:
    body = json.dumps({"reason": "x" * 10 * MIB}).encode()
    for content in (body, iter([body[:MIB], body[MIB:]])):
        answer = api.post("/api/v1/holds", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, refused(answer, "10 MiB")) == (413, None)
