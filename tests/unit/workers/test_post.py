"""http.post: what a service is told, which answers are failures, and whom it may not call."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path as File
from typing import Any

import pytest

from workers.allowed import Allowed, HttpAllowed
from workers.testing import Result, run_action

PATHS = [b"/data/plain.tif", b"/data/\xff\n", b"s3://bucket/x"]


class Service(BaseHTTPRequestHandler):
    """Keeps what it is told; answers what the path of the URL says."""

    protocol_version = "HTTP/1.1"
    told: list[tuple[dict[str, str], Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((dict(self.headers), body))  # type: ignore[attr-defined]
        if self.path == "/slow":
            self.server.released.wait(30)  # type: ignore[attr-defined]
        status = int(self.path.strip("/")) if self.path.strip("/").isdigit() else 200
        answer = b"what\nit said " * (10_000 if self.path == "/long" else 1)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name is given
        """Nothing."""


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.told, server.released = [], threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def allowed(service: Any, **more: Any) -> Allowed:
    hosts = [f"127.0.0.1:{service.server_port}", f"localhost:{service.server_port}"]
    given: dict[str, Any] = {"hosts": hosts, "networks": ["127.0.0.0/8", "::1/128"], **more}
    return Allowed(http=HttpAllowed(**given))


def post(service: Any, place: str = "", paths: list[bytes] = PATHS, **more: Any) -> Result:
    options = {key: more.pop(key) for key in ("allowed", "given", "attempt", "notes") if key in more}
    given: dict[str, Any] = {"allowed": allowed(service), "kinds": "f" * len(paths), **options}
    url = more.pop("url", f"http://127.0.0.1:{service.server_port}{place}")
    return run_action("http.post", paths, params={"url": url, **more}, **given)


def test_what_is_told_of_each_path(service: Any) -> None:
    result = post(
        service, "/hook", data={"any": ["thing", None]}, headers={"X-From": "us"}, notes={0: {"digest": "abc"}}
    )
    assert result.messages == {}
    assert result.notes["/data/plain.tif"] == {"digest": "abc", "http_status": 200}
    (headers, first), (_, second), (_, third) = service.told
    assert first["data"] == {"any": ["thing", None]}
    assert (first["job"], first["task"], first["step"], first["site"]) == (1, 1, 0, "test")
    assert first["paths"] == [{"path": "/data/plain.tif", "kind": "f", "notes": {"digest": "abc"}}]
    assert second["paths"][0]["path"] == "/data/\N{REPLACEMENT CHARACTER}\n"
    assert base64.b64decode(second["paths"][0]["path_b64"]) == PATHS[1]
    assert third["paths"][0]["path"] == "s3://bucket/x"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-From"] == "us"
    assert headers["Host"] == f"127.0.0.1:{service.server_port}"


def test_a_key_says_which_requests_are_the_same(service: Any) -> None:
    for attempt, given in ((1, [0, 1, 2]), (2, [1, 2]), (3, [1, 2])):
        post(service, attempt=attempt, given=given)
        post(service, attempt=attempt, given=given, per="batch")
    keys = [headers["Idempotency-Key"] for headers, _ in service.told]
    by_path, batches = keys[0:3] + keys[4:6] + keys[7:9], [keys[3], keys[6], keys[9]]
    assert by_path[1:3] == by_path[3:5] == by_path[5:7]
    assert len({*by_path, *batches}) == 5
    assert batches[1] == batches[2] != batches[0]
    assert len(service.told[3][1]["paths"]) == 3


@pytest.mark.parametrize(
    ("place", "error_class", "reason"),
    [
        ("/404", "HttpRefused", "answered 404: what it said"),
        ("/302", "HttpRefused", "answered 302; redirects are not followed"),
        ("/503", "HttpUnavailable", "answered 503: what it said"),
        ("/429", "HttpUnavailable", "answered 429: what it said"),
    ],
)
def test_answers_that_are_failures(service: Any, place: str, error_class: str, reason: str) -> None:
    for per, requests in (("path", 3), ("batch", 1)):
        service.told.clear()
        result = post(service, place, per=per)
        assert set(result.messages.values()) == {reason}
        assert {problem.error_class for problem in result.ended.problems} == {error_class}
        assert len(service.told) == requests


def test_no_answer(service: Any) -> None:
    begun = time.monotonic()
    slow = post(service, "/slow", paths=PATHS[:1], seconds=0.5)
    assert list(slow.messages.values()) == ["no answer within 0.5 s"]
    assert slow.ended.problems[0].error_class == "TimeoutError"
    assert time.monotonic() - begun < 20
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = Allowed(http=HttpAllowed(hosts=[f"127.0.0.1:{port}"], networks=["127.0.0.0/8"]))
    gone = post(service, paths=PATHS[:1], url=f"http://127.0.0.1:{port}", allowed=nobody)
    assert gone.ended.problems[0].error_class == "ConnectionError"
    assert post(service, "/long").state == "Success"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:{port}", "127.0.0.1: no public address"),
        ("http://localhost:{port}", "no public address"),
        ("http://[::ffff:127.0.0.1]:{port}", "no public address"),
    ],
)
def test_no_private_address_is_called_whatever_its_name(service: Any, url: str, reason: str) -> None:
    open_to_all = Allowed(http=HttpAllowed(hosts=["*:*", "[*]:*"]))
    result = post(service, url=url.replace("{port}", str(service.server_port)), allowed=open_to_all)
    assert len(result.messages) == 3
    assert all(reason in said for said in result.messages.values())
    assert {problem.error_class for problem in result.ended.problems} == {"PermissionError"}
    assert service.told == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "does not allow 127.0.0.1:1"),
        ("http://example.com/", "does not allow example.com:80"),
        ("http://user:pass@127.0.0.1:{port}/", "has credentials in it"),
        ("http://127.0.0.1:99999/", "url: Port out of range"),
        ("ftp://127.0.0.1/", "$.url"),
    ],
)
def test_urls_that_are_not_called(service: Any, url: str, reason: str) -> None:
    result = post(service, url=url.replace("{port}", str(service.server_port)))
    assert result.error is not None
    assert reason in result.error.message
    assert service.told == []


def test_secrets_come_from_the_site_and_headers_of_ours_can_not_be_set(service: Any, tmp_path: File) -> None:
    file = tmp_path / "headers.toml"
    file.write_text('["127.0.0.1"]\nAuthorization = "Bearer a-canary"\n')
    assert post(service, allowed=allowed(service, headers_file=file)).state == "Success"
    assert service.told[0][0]["Authorization"] == "Bearer a-canary"
    for wrong in ({"Host": "x"}, {"idempotency-key": "x"}, {"a b": "x"}, {"X": "a\r\nb: c"}):
        refused = post(service, headers=wrong)
        assert refused.error is not None
        assert "headers: " in refused.error.message
    file.write_text("[")
    broken = post(service, allowed=allowed(service, headers_file=file))
    assert broken.error is not None
    assert "not TOML" in broken.error.message


def test_addresses() -> None:
    none = HttpAllowed(hosts=["*"])
    for address in (
        "10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.1",
        "::", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "224.0.0.1", "255.255.255.255",
    ):  # fmt: skip
        assert not none.reaches(address), address
    for address in ("93.184.216.34", "2606:2800:220:1::1"):
        assert none.reaches(address)
    assert HttpAllowed(networks=["10.0.0.0/8"]).reaches("::ffff:10.0.0.1")


def test_hosts() -> None:
    some = HttpAllowed(hosts=["*.example.com", "hooks:8443", "any:*"])
    assert some.allows("https", "a.example.com", 443)
    assert some.allows("http", "a.example.com", 80)
    assert not some.allows("https", "a.example.com", 80)
    assert not some.allows("https", "example.com.evil.org", 443)
    assert some.allows("http", "hooks", 8443)
    assert some.allows("http", "any", 1234)
    assert not HttpAllowed().allows("https", "example.com", 443)
