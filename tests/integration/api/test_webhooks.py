"""Webhooks: made and ended over the API, and delivered to a real receiver, which may be ill."""

import base64
import hashlib
import hmac
import ipaddress
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from orchestrator.api.app import make_app
from orchestrator.api.deliverer import Deliverer
from orchestrator.api.post import allowed, is_public, post
from orchestrator.stack.wait import wait_until
from orchestrator.storage.history import record
from tests.asking import asking
from tests.integration.api.conftest import SECRET, served


@dataclass
class Receiver:
    """Somebody who is told: keeps what came, and answers as it is told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list[int])
    """One after the other; 204 when there are none left."""
    silent: threading.Event = field(default_factory=threading.Event)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if receiver.silent.is_set():
                self.close_connection = True
                return
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            self.send_header("Location", receiver.url + "/elsewhere")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/told"
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


def client_of(address: tuple[str, int], key: str) -> httpx.Client:
    return asking("http://{}:{}/api/v1".format(*address), key)


@pytest.fixture
def api(engine: Engine, admin_key: str) -> Iterator[httpx.Client]:
    app = make_app(engine, secret=SECRET, redis_url=None, webhooks_private=True)
    with served(app) as address, client_of(address, admin_key) as client:
        yield client


@pytest.fixture
def deliverer(database_url: str) -> Iterator[Deliverer]:
    deliverer = Deliverer(database_url, SECRET, private=True, pauses_s=(0.1, 0.1))
    deliverer.start()
    yield deliverer
    deliverer.end()


def happen(engine: Engine, *events: str) -> int:
    """A job with a history."""
    with engine.begin() as tx:
        job = tx.execute(
            text("insert into jobs (owner, state, workflow) values ('me', 'Pending', 'w') returning id")
        ).scalar_one()
        for event in events:
            record(tx, job, event, actor="ann", reason="because")
    return job


def outbox(engine: Engine) -> Sequence[Any]:
    with engine.begin() as tx:
        return tx.execute(text("select * from deliveries order by id")).all()


def hurry(engine: Engine) -> None:
    """No receiver is spared for longer."""
    with engine.begin() as tx:
        tx.execute(text("update webhooks set retry_at = null"))


def test_events_are_delivered_and_signed(
    api: httpx.Client, receiver: Receiver, engine: Engine, deliverer: Deliverer
) -> None:
    made = api.post("/webhooks", json={"url": receiver.url, "events": ["AllSucceeded"]})
    assert made.status_code == 201, made.text
    assert made.json()["key"].startswith("whsec_")
    job = happen(engine, "TaskStarted", "AllSucceeded")
    assert wait_until(lambda: bool(receiver.got), 20)
    headers, body = receiver.got[0]
    told = json.loads(body)
    assert told["type"] == "AllSucceeded"
    assert told["data"] | {"at": ""} == {
        "job": job, "kind": "batch", "name": None, "workflow": "w", "parent": None, "seq": 2, "at": "", "actor": "ann",
        "event": "AllSucceeded", "from": None, "to": None, "reason": "because", "comment": None,
    }  # fmt: skip
    key = base64.b64decode(made.json()["key"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert wait_until(lambda: not outbox(engine), 20), "what was taken is in the outbox no more"
    [shown] = api.get("/webhooks").json()["items"]
    assert shown["delivered_at"]
    assert "key" not in shown
    assert len(receiver.got) == 1, "nothing else was asked for"


def test_what_is_written_and_not_committed_is_not_told(api: httpx.Client, receiver: Receiver, engine: Engine) -> None:
    api.post("/webhooks", json={"url": receiver.url, "workflow": "w"})
    with engine.connect() as tx:
        row = "insert into jobs (owner, state, workflow) values ('me', 'Pending', 'w') returning id"
        record(tx, tx.execute(text(row)).scalar_one(), "Submitted", actor="ann")
        assert tx.execute(text("select count(*) from deliveries")).scalar_one() == 1
        tx.rollback()
    assert not outbox(engine)


def test_a_receiver_that_is_ill_is_tried_again(
    api: httpx.Client, receiver: Receiver, engine: Engine, deliverer: Deliverer
) -> None:
    receiver.answers = [500, 302]
    api.post("/webhooks", json={"url": receiver.url})
    happen(engine, "AllSucceeded")
    assert wait_until(lambda: (hurry(engine), len(receiver.got) == 3)[1], 20)
    assert wait_until(lambda: not outbox(engine), 20)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1, "it can be told that it is the same"
    assert not any("elsewhere" in str(headers) for headers, _ in receiver.got), "a redirect is not followed"


def test_what_is_never_taken_is_given_up_and_can_be_sent_again(
    api: httpx.Client, receiver: Receiver, engine: Engine, deliverer: Deliverer
) -> None:
    receiver.answers = [500, 400, 302]
    id = api.post("/webhooks", json={"url": receiver.url}).json()["id"]
    job = happen(engine, "AllSucceeded")

    def given_up() -> bool:
        hurry(engine)
        return bool(api.get(f"/webhooks/{id}/deliveries").json()["items"])

    assert wait_until(given_up, 20)
    [dead] = api.get(f"/webhooks/{id}/deliveries").json()["items"]
    assert (dead["job_id"], dead["attempts"], dead["last_error"]) == (
        job,
        3,
        "answered 302: redirects are not followed",
    )
    assert api.get(f"/webhooks/{id}").json()["dead"] is True
    assert api.get(f"/webhooks/{id}/deliveries?dead=false").json()["items"] == []
    assert api.post(f"/webhooks/{id}/deliveries/{dead['id'] + 1}/send").status_code == 404
    assert api.post(f"/webhooks/{id}/deliveries/{dead['id']}/send").json() == {"deliveries": 1}
    assert wait_until(lambda: not outbox(engine), 20)
    assert len(receiver.got) == 4
    assert api.post(f"/webhooks/{id}/send").json() == {"deliveries": 0}


def test_one_that_says_nothing_keeps_no_other_waiting(
    api: httpx.Client, receiver: Receiver, engine: Engine, deliverer: Deliverer
) -> None:
    receiver.silent.set()
    api.post("/webhooks", json={"url": receiver.url, "events": ["A"]})
    api.post("/webhooks", json={"url": "http://127.0.0.1:9/nobody", "events": ["A"]})
    happen(engine, "A")
    assert wait_until(lambda: bool(receiver.got), 20)
    receiver.silent.clear()
    api.post("/webhooks", json={"url": receiver.url, "events": ["B"]})
    happen(engine, "B")
    assert wait_until(lambda: "B" in [told["type"] for told in receiver.told()], 20)


def test_a_webhook_that_is_ended_is_told_nothing_more(api: httpx.Client, receiver: Receiver, engine: Engine) -> None:
    id = api.post("/webhooks", json={"url": receiver.url}).json()["id"]
    happen(engine, "AllSucceeded")
    assert api.delete(f"/webhooks/{id}").status_code == 204
    assert not outbox(engine)
    assert api.delete(f"/webhooks/{id}").status_code == 404
    assert api.get(f"/webhooks/{id}/deliveries").status_code == 404
    happen(engine, "AllSucceeded")
    assert not outbox(engine)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org", "has to be https://host/..."),
        ("https://", "has to be https://host/..."),
        ("https://me:secret@example.org", "neither a password nor a #fragment"),
        ("https://example.org/#x", "neither a password nor a #fragment"),
        ("https://example.org:99999", "is no address"),
    ],
)
def test_what_can_not_be_sent_to_is_refused(api: httpx.Client, url: str, reason: str) -> None:
    refused = api.post("/webhooks", json={"url": url})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["place"] == "$.url"
    assert reason in error["reason"]


def test_private_addresses_are_for_who_asks_for_them(engine: Engine, admin_key: str, receiver: Receiver) -> None:
    app = make_app(engine, secret=SECRET, redis_url=None)
    with served(app) as address, client_of(address, admin_key) as client:
        refused = client.post("/webhooks", json={"url": receiver.url})
    assert refused.json()["errors"] == [{"place": "$.url", "reason": "has to begin with https://"}]
    for url in (receiver.url, receiver.url.replace("http:", "https:"), "https://localhost:1/x", "https://[::1]:1/x"):
        posted = post(url, b"{}", {}, private=False)
        assert posted.error is not None
        assert "only https" in posted.error or "private address" in posted.error, posted
    assert not receiver.got
    with pytest.raises(ValueError, match=r"localhost is at .*, which is a private address"):
        allowed("localhost", 443, private=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "2002:0a00:0001::", "64:ff9b::a00:1",
        "ff02::1",
    ],
)  # fmt: skip
def test_what_is_private_is_known(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_is_known(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
