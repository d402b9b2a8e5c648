"""Who gets in, and in which order a request is refused."""

import socket

from httpx import Client
from sqlalchemy import Engine

from orchestrator.domain.roles import Role
from orchestrator.services.keys import make_key


def viewer(engine: Engine) -> dict[str, str]:
    with engine.begin() as tx:
        return {"Authorization": f"Bearer {make_key(tx, 'admin', roles=[Role.VIEWER]).plain}"}


def test_without_a_key_everything_is_401_whatever_else_is_wrong(anonymous: Client):
    for method, path in [
        ("GET", "/api/v1/jobs"),
        ("GET", "/api/v1/jobs?limit=0&nonsense=1"),
        ("GET", "/api/v1/jobs/none"),
        ("POST", "/api/v1/jobs"),
        ("GET", "/nothing/here"),
        ("PATCH", "/api/v1/sites"),
        ("GET", "/openapi.json"),
    ]:
        answer = anonymous.request(method, path, content=b"{" if method == "POST" else None)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_key_is_401(anonymous: Client, admin_key: str):
    last = "A" if admin_key[-1] != "A" else "B"
    for header in (
        f"Bearer {admin_key[:-1]}{last}",
        "Bearer tq_x",
        f"Basic {admin_key}",
        "Bearer",
        f"Bearer {'x' * 9000}",
    ):
        assert anonymous.get("/api/v1/jobs", headers={"Authorization": header}).status_code == 401, header


def test_the_body_is_not_read_before_the_key_is_known(address: tuple[str, int]):
    with socket.create_connection(address, timeout=20) as connection:
        # 30 MiB are promised and none is sent: the answer comes all the same.
        connection.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 31457280\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 401")


def test_a_known_key_without_the_right_is_403_even_where_there_is_nothing(api: Client, engine: Engine):
    assert api.get("/api/v1/keys", headers=viewer(engine)).status_code == 403
    assert api.delete("/api/v1/keys/999999", headers=viewer(engine)).status_code == 403
    assert api.post("/api/v1/jobs", content=b"{", headers=viewer(engine)).status_code == 403
    assert api.get("/api/v1/jobs", headers=viewer(engine)).status_code == 200


def test_an_unknown_address_is_404_and_a_wrong_method_405_with_what_is_allowed(api: Client):
    for path in (
        "/api/v1/nothing",
        "/",
        "/api/v1/jobs/",
        "/docs",
        "/api/v1/sites/a%00b",
    ):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["title"]) == (404, "Not Found"), path
    answer = api.put("/api/v1/keys")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json()["detail"] == "this address takes only GET, POST"
    assert api.options("/api/v1/workflows/schema").headers["allow"] == "GET", "and no workflow of that name"
    assert api.options("/api/v1/workflows/other").headers["allow"] == "DELETE, GET, PATCH, PUT"


def test_not_found_comes_before_what_else_is_wrong(api: Client):
    for path in (
        "/api/v1/jobs/7/tasks?limit=0",
        "/api/v1/jobs/7/paths?nonsense=1",
        "/api/v1/jobs/7/history?cursor=%00",
    ):
        assert api.get(path).status_code == 404, path


def test_an_id_that_can_not_be_one_is_404(api: Client):
    for wrong in ("none", "-1", "0", "1.5", "9" * 30, "9" * 5000, "9223372036854775808", "%F0%9F%98%80"):
        assert api.get(f"/api/v1/jobs/{wrong}").status_code == 404, wrong
        assert api.get(f"/api/v1/tasks/{wrong}").status_code == 404, wrong


def test_a_body_that_is_too_large_is_413_by_what_it_says_and_by_what_comes(api: Client):
    large = b'"' + b"x" * (1024 * 1024) + b'"'
    said = api.post("/api/v1/keys", content=large)
    streamed = api.post(
        "/api/v1/keys", content=iter([large[:9000], large[9000:]]), headers={"content-type": "application/json"}
    )
    assert (said.status_code, streamed.status_code) == (413, 413)
    assert "1048576" in said.json()["detail"]
    assert api.post("/api/v1/jobs", content=b" " * (32 * 1024 * 1024 + 1)).status_code == 413
