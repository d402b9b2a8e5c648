"""Sites: who is there, what waits, and how well it goes."""

from typing import Any

import pytest
from httpx import Client
from sqlalchemy import Connection, Engine, insert, text

from orchestrator.api.app import make_app
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.roles import Role
from orchestrator.domain.task import TaskState
from orchestrator.services.keys import make_key
from orchestrator.storage import tables
from tests.integration.api.conftest import SECRET, served
from tests.integration.api.rows import add_chain, add_job


def add_site(tx: Connection, name: str, *, heard_s_ago: float = 0.0, functions: tuple[str, ...] = ("worker",)) -> None:
    heard = text(f"now() - interval '{heard_s_ago} s'")
    tx.execute(insert(tables.sites).values(name=name, last_heard=heard))
    for function in functions:
        node = {"node": f"{name}.{function}@host", "function": function, "queues": ["default"], "concurrency": 2}
        tx.execute(
            insert(tables.nodes).values(site=name, version="0.1", discoveries=["recursive"], last_heard=heard, **node)
        )
    offer = {"action": "noop", "function": "worker", "version": "0.1", "parameters": {"type": "object"}}
    tx.execute(insert(tables.site_actions).values(site=name, **offer))


def make_ready(tx: Connection, site: str, tasks: int, *, function: str = "worker", since_s_ago: float = 0.0) -> None:
    job = add_job(tx)
    for sequence in range(tasks):
        task = add_chain(tx, job, [b"/a"], [{"given": 1}], sequence) << 6
        tx.execute(
            insert(tables.ready).values(
                site=site,
                queue="default",
                function=function,
                job_id=job,
                task_id=task,
                since=text(f"now() - interval '{since_s_ago} s'"),
            )
        )


def hand_out(tx: Connection, job: int, task: int) -> None:
    lane = {"site": "london", "queue": "default", "function": "worker"}
    tx.execute(insert(tables.parcels).values(id="p", job_id=job, seconds=0.5, **lane))
    tx.execute(insert(tables.handouts).values(task_id=task, parcel="p", attempt=1))


def site(api: Client, name: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/sites/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_site_that_is_well(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "london", functions=("worker", "discovery"))
        make_ready(tx, "london", 3, since_s_ago=5)
        job = add_job(tx)
        task = add_chain(tx, job, [b"/a"], [{"state": TaskState.STARTED, "given": 1}]) << 6
        hand_out(tx, job, task)
        walk = {"job_id": job, "subtree": 0, "input": b"", "state": DiscoveryState.RUNNING}
        tx.execute(insert(tables.walks).values(**walk))
    told = site(api, "london")
    assert (told["health"], told["problems"]) == ("ok", [])
    assert (told["concurrency"], told["running"], told["waiting"]) == (4, 2, 3)
    assert 5 <= told["oldest_wait_s"] < 60
    assert [(q["queue"], q["function"], q["nodes"], q["running"], q["waiting"]) for q in told["queues"]] == [
        ("default", "discovery", 1, 1, 0),
        ("default", "worker", 1, 1, 3),
    ]
    assert {(node["node"], node["live"]) for node in told["nodes"]} == {
        ("london.discovery@host", True),
        ("london.worker@host", True),
    }
    assert [(a["action"], a["version"]) for a in told["actions"]] == [("noop", "0.1")]
    assert told["discoveries"] == ["recursive"]


def test_waiting_work_without_a_live_node_is_critical(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "gone", heard_s_ago=20)
        make_ready(tx, "gone", 1)
        add_site(tx, "other", functions=("discovery",))
        make_ready(tx, "other", 2)
    for name, waiting in (("gone", 1), ("other", 2)):
        told = site(api, name)
        assert told["health"] == "critical"
        assert told["problems"][0] == f"default.worker: {waiting} waiting, and no node is there to run them"


def test_present_but_deaf_is_critical(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "deaf")
        make_ready(tx, "deaf", 1, since_s_ago=90)
    assert site(api, "deaf")["health"] == "critical"


def test_an_idle_site_whose_nodes_went_silent_is_a_warning(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "quiet", heard_s_ago=16)
    told = site(api, "quiet")
    assert (told["health"], told["nodes"][0]["live"], told["concurrency"]) == ("warning", False, 0)


def test_sites_are_listed_by_name_each_with_its_own(api: Client, engine: Engine):
    with engine.begin() as tx:
        for name in ("paris", "london", "rome"):
            add_site(tx, name)
        make_ready(tx, "paris", 2)
        make_ready(tx, "paris", 1, function="custom")
        make_ready(tx, "rome", 4)
    first = api.get("/api/v1/sites?limit=2").json()
    rest = api.get("/api/v1/sites", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [(told["name"], told["waiting"]) for told in first["items"] + rest["items"]] == [
        ("london", 0),
        ("paris", 3),
        ("rome", 4),
    ]
    assert rest["next_cursor"] is None
    assert api.get("/api/v1/sites/nowhere").status_code == 404


def test_a_site_is_drained_disabled_and_enabled(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "london")
        make_ready(tx, "london", 1, since_s_ago=90)
    for asked, enabled, draining in (("drain", True, True), ("disable", False, True), ("enable", True, False)):
        for _ in range(2):
            answer = api.post(f"/api/v1/sites/london/{asked}", json={"reason": "a new kernel"})
            assert answer.status_code == 202
            told = answer.json()
            assert (told["enabled"], told["draining"], told["drained"]) == (enabled, draining, draining)
            assert told["health"] == ("critical" if asked == "enable" else "warning"), "what is wanted is not critical"
    with engine.begin() as tx:
        audit = tx.execute(
            text("select actor, action, subject, reason from audit where action like 'site.%' order by id")
        ).all()
    assert [tuple(row) for row in audit] == [
        ("admin", f"site.{asked}", "london", "a new kernel") for asked in ("drain", "disable", "enable")
    ]


def test_what_is_with_a_draining_site_is_told(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "london")
        job = add_job(tx)
        task = add_chain(tx, job, [b"/a"], [{"given": 1}]) << 6
        hand_out(tx, job, task)
        walk = {"job_id": job, "subtree": 0, "input": b"", "state": DiscoveryState.WAITING}
        tx.execute(insert(tables.walks).values(**walk, handed_at=text("now()")))
        tx.execute(insert(tables.walks).values(**(walk | {"subtree": 1})))
    told = api.post("/api/v1/sites/london/drain").json()
    assert (told["draining"], told["drained"], told["with_site"]) == (True, False, 2)


def test_a_restart_is_written_down_and_told(api: Client, engine: Engine):
    with engine.begin() as tx:
        add_site(tx, "london")
    assert site(api, "london")["restart"] is None
    answer = api.post("/api/v1/sites/london/restart", json={"reason": "a new plugin"})
    assert answer.status_code == 202
    told = answer.json()["restart"]
    assert (told["asked_by"], told["reason"], told["done"], told["left"]) == ("admin", "a new plugin", 0, 1)
    assert (told["node"], told["ended_at"], told["problem"]) == (None, None, None)


@pytest.mark.parametrize("asked", ["enable", "disable", "drain", "restart"])
def test_what_can_not_be_asked_of_a_site(api: Client, engine: Engine, asked: str):
    assert api.post(f"/api/v1/sites/nowhere/{asked}", json={"unknown": 1}).status_code == 404, "404 before 422"
    with engine.begin() as tx:
        add_site(tx, "london")
        keys = {role: make_key(tx, "admin", roles=[role]).plain for role in (Role.VIEWER, Role.PLANNER, Role.OPERATOR)}
    assert api.post(f"/api/v1/sites/london/{asked}", json={"unknown": 1}).status_code == 422
    for role, status in ((Role.VIEWER, 403), (Role.PLANNER, 403), (Role.OPERATOR, 202)):
        headers = {"Authorization": f"Bearer {keys[role]}"}
        assert api.post(f"/api/v1/sites/london/{asked}", headers=headers).status_code == status


def test_each_site_and_node_leads_to_flower(engine: Engine, admin_key: str, api: Client):
    with engine.begin() as tx:
        add_site(tx, "london")
    assert site(api, "london")["flower_url"] is None
    with served(make_app(engine, secret=SECRET, redis_url=None, flower_url="http://flower.example/")) as (host, port):
        headers = {"Authorization": f"Bearer {admin_key}"}
        with Client(base_url=f"http://{host}:{port}", headers=headers, trust_env=False) as linked:
            one, [listed] = site(linked, "london"), linked.get("/api/v1/sites").json()["items"]
    assert one["flower_url"] == listed["flower_url"] == "http://flower.example/workers"
    assert one["nodes"][0]["flower_url"] == "http://flower.example/worker/london.worker%40host"
