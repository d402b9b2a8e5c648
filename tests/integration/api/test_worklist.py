"""Worklists and manual steps over the API: what waits for whom, in which order, and what each may do with it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from orchestrator.contracts.paths import PathList, pack
from orchestrator.domain.chain import task_id
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.roles import Role
from orchestrator.services.ask import Ask, Asked, ask
from orchestrator.services.keys import make_key
from orchestrator.storage.queries.invariants import violations
from orchestrator.storage.queries.snapshot import snapshot
from tests.asking import asking
from tests.integration.api.rows import add_job

As = Callable[[str], httpx.Client]


@pytest.fixture
def as_(api: httpx.Client, engine: Engine) -> Iterator[As]:
    """The API, for a user who is made for it: ann and ben are in the group qa."""
    clients: dict[str, httpx.Client] = {}

    def client(user: str) -> httpx.Client:
        if user not in clients:
            roles = {"pia": [Role.PLANNER], "vic": [Role.VIEWER]}.get(user, [Role.WORKER])
            groups = ["qa"] if user in ("ann", "ben") else []
            made = api.post("/api/v1/users", json={"name": user, "roles": roles, "groups": groups})
            assert made.status_code == 201, made.text
            with engine.begin() as tx:
                key = make_key(tx, user).plain
            clients[user] = asking(f"{api.base_url}/api/v1", key)
        return clients[user]

    yield client
    for one in clients.values():
        one.close()


def waiting(engine: Engine, n: int = 2, *, group: str = "qa", tasks: int = 1, **job: Any) -> tuple[int, list[int]]:
    """A job of one manual step, and its tasks, of ``n`` paths each."""
    with engine.begin() as tx:
        id = add_job(
            tx,
            discovery=DiscoveryState.CLOSED,
            actions=("review",),
            counts={"total": n * tasks, "open_tasks": tasks},
            steps=[{"pending": tasks}],
            **job,
        )
        tx.execute(
            text("""
                update job_steps set site = '', queue = :group, function = 'people', label = 'Look',
                  options = '{"manual": {"claim_s": 3600}}' where job_id = :job
            """),
            {"job": id, "group": group},
        )
        tx.execute(text("update discoveries set closed = 1 where job_id = :job"), {"job": id})
        tx.execute(
            text("""
                insert into walks (job_id, subtree, input, state, sequence, ended_at)
                values (:job, 0, '', 'Closed', :tasks, now())
            """),
            {"job": id, "tasks": tasks},
        )
        ids: list[int] = []
        for sequence in range(1, tasks + 1):
            paths = pack(PathList([b"/data/%d/%d.tif" % (sequence, i) for i in range(n)]))
            batch = tx.execute(
                text("""
                    insert into batches (job_id, rule, subtree, sequence, n, paths)
                    values (:job, 0, 0, :sequence, :n, :paths) returning id
                """),
                {"job": id, "sequence": sequence, "n": n, "paths": paths},
            ).scalar_one()
            ids.append(task_id(batch, 0))
            row = "insert into tasks (id, job_id, rule, state, given) values (:task, :job, 0, 'Pending', :n)"
            tx.execute(text(row), {"task": ids[-1], "job": id, "n": n})
        ask(tx, [Asked(task, id, 0, Ask(group, 3600.0, None, None)) for task in ids])
    return id, ids


@pytest.fixture(autouse=True)
def all_holds(engine: Engine) -> Iterator[None]:
    yield
    with snapshot(engine) as tx:
        assert not [str(one) for one in violations(tx)]


def fire(client: httpx.Client, task: int, event: str, **said: Any) -> httpx.Response:
    return client.post(f"/tasks/{task}/actions/{event}", json=said)


def test_a_task_is_claimed_decided_and_gone_from_the_worklist(as_: As, engine: Engine) -> None:
    ann = as_("ann")
    job, [task] = waiting(engine)
    [item] = ann.get("/worklist").json()["items"]
    assert item == {
        "job_id": job, "task_id": task, "kind": "batch", "name": "Look", "workflow": "copy", "state": "Pending",
        "priority": 5, "due_at": None, "overdue": False, "planned_start": None, "start_overdue": False,
        "group": "qa", "assignee": None, "claim_until": None,
        "paths": 2, "held": False, "legal_events": ["claim", "accept", "reject"],
    }  # fmt: skip
    claimed = fire(ann, task, "claim", comment="mine")
    assert claimed.status_code == 200, claimed.text
    asked = claimed.json()["asked"]
    assert (asked["claimed_by"], asked["legal_events"]) == ("ann", ["accept", "reject", "give-back"])
    assert claimed.json()["attempt"] == 1
    assert (claimed.json()["site"], claimed.json()["queue"], claimed.json()["group"]) == (None, None, "qa")
    assert as_("ben").get("/worklist").json()["items"] == []
    rejected = fire(ann, task, "reject", paths=[1], comment="blurred", attempt=1)
    assert rejected.json()["paths"]["failed"] == 1
    assert ann.get(f"/tasks/{task}/paths").json()["items"] == [
        {"index": 0, "path": "/data/1/0.tif", "path_b64": None, "outcome": None, "message": None},
        {"index": 1, "path": "/data/1/1.tif", "path_b64": None, "outcome": "failed", "message": "blurred"},
    ]
    page = ann.get(f"/tasks/{task}/paths?limit=1").json()
    assert len(page["items"]) == 1
    rest = ann.get(f"/tasks/{task}/paths", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert ([one["index"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)
    accepted = fire(ann, task, "accept")
    assert (accepted.json()["state"], accepted.json()["asked"]) == ("Error", None)
    assert ann.get("/worklist").json()["items"] == []
    assert ann.get(f"/jobs/{job}").json()["state"] == "Failure"
    events = ann.get(f"/tasks/{task}/history").json()["items"]
    assert [(one["actor"], one["event"], one["paths"]) for one in events] == [
        ("ann", "Claimed", None),
        ("ann", "Rejected", 1),
        ("ann", "Accepted", 1),
    ]


def test_answers_come_in_their_order(as_: As, engine: Engine) -> None:
    _, [task] = waiting(engine)
    assert fire(as_("vic"), task, "claim").status_code == 403
    assert fire(as_("eve"), task, "claim").status_code == 403
    assert fire(as_("ann"), 1, "claim", nonsense=1).status_code == 404
    assert fire(as_("ann"), task, "dance").status_code == 404
    assert fire(as_("ann"), task, "claim").status_code == 200
    refused = fire(as_("ben"), task, "claim", nonsense=1)
    assert (refused.status_code, refused.json()["legal_events"]) == (409, [])
    wrong = fire(as_("ann"), task, "reject", nonsense=1)
    assert (wrong.status_code, wrong.json()["errors"]) == (422, [{"place": "$.nonsense", "reason": "unknown key"}])
    wrong = fire(as_("ann"), task, "accept", paths=[{"index": "x"}])
    assert (wrong.status_code, wrong.json()["errors"][0]["place"]) == (422, "$.paths[0].index")
    free = fire(as_("pia"), task, "give-back", comment="she is ill")
    assert free.status_code == 200
    refused = fire(as_("ben"), task, "give-back")
    assert (refused.status_code, refused.json()["legal_events"]) == (409, ["claim"])


def test_the_most_urgent_comes_first_page_by_page(as_: As, engine: Engine) -> None:
    ann = as_("ann")
    late, _ = waiting(engine, due_at="2020-01-01T00:00:00Z")
    many, tasks = waiting(engine, tasks=3)
    soon, _ = waiting(engine, due_at="2999-01-01T00:00:00Z")
    first, _ = waiting(engine, priority=9)
    waiting(engine, group="sales", priority=9)
    anybody, _ = waiting(engine, group="", priority=1)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ann.get("/worklist", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [item["job_id"] for item in seen] == [first, late, soon, many, many, many, anybody]
    assert [item["task_id"] for item in seen if item["job_id"] == many] == tasks
    assert [item["job_id"] for item in seen if item["overdue"]] == [late]


def test_worklists_of_groups_and_of_all(as_: As, engine: Engine) -> None:
    qa, [task] = waiting(engine)
    sales, _ = waiting(engine, group="sales")
    fire(as_("ann"), task, "claim")
    for who, query, jobs in (
        ("ben", "", []),
        ("ben", "?group=qa", [qa]),
        ("pia", "?group=sales", [sales]),
        ("pia", "?all=true", [qa, sales]),
        ("pia", "", []),
    ):
        listed = as_(who).get(f"/worklist{query}").json()
        assert [item["job_id"] for item in listed["items"]] == jobs, (who, query)
    [held_by_ann] = as_("ben").get("/worklist?group=qa").json()["items"]
    assert (held_by_ann["assignee"], held_by_ann["legal_events"]) == ("ann", [])
    assert as_("ben").get("/worklist?group=sales").status_code == 403
    assert as_("ben").get("/worklist?all=true").status_code == 403
    assert as_("pia").get("/worklist?all=true&group=qa").status_code == 422


def test_what_is_held_is_shown_and_can_not_be_done(as_: As, api: httpx.Client, engine: Engine) -> None:
    job, [task] = waiting(engine)
    api.post("/api/v1/holds", json={"scope": {"job": job}, "reason": "look first"})
    [item] = as_("ann").get("/worklist").json()["items"]
    assert (item["held"], item["legal_events"]) == (True, [])
    refused = fire(as_("ann"), task, "claim")
    assert (refused.status_code, "look first" in refused.json()["detail"]) == (409, True)
    causes = as_("ann").get(f"/jobs/{job}/why").json()["items"]
    assert [cause["cause"] for cause in causes] == ["held", "waits_for_people"]
    assert causes[1]["detail"] == "a task of review waits for somebody of the group qa"
    assert causes[1]["frees"] == "their decision: orchestrator worklist --group qa"


def test_a_hold_of_a_part_of_a_job_does_not_stop_people(as_: As, api: httpx.Client, engine: Engine) -> None:
    job, [task] = waiting(engine)
    placed = api.post("/api/v1/holds", json={"scope": {"job": job, "queue": "qa"}, "reason": "only there"})
    assert placed.json()["scope"] == {"job": job, "queue": "qa"}
    assert [hold["id"] for hold in api.get(f"/api/v1/jobs/{job}").json()["holds"]] == [placed.json()["id"]]
    [item] = as_("ann").get("/worklist").json()["items"]
    assert (item["held"], item["legal_events"]) == (False, ["claim", "accept", "reject"])
    assert as_("ann").get(f"/tasks/{task}").json()["asked"]["legal_events"] == item["legal_events"]
    assert fire(as_("ann"), task, "claim").is_success


def test_all_that_waits_in_a_job_is_decided_with_one_request(as_: As, engine: Engine) -> None:
    job, _ = waiting(engine, tasks=5)
    assert as_("eve").post(f"/jobs/{job}/decisions", json={"answer": "accept"}).status_code == 403
    assert as_("ann").post("/jobs/999/decisions", json={"answer": "accept"}).status_code == 404
    wrong = as_("ann").post(f"/jobs/{job}/decisions", json={"answer": "maybe", "include": ["[a"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["place"]) == (422, "$.answer")
    some = as_("ann").post(
        f"/jobs/{job}/decisions", json={"answer": "reject", "include": ["0.tif"], "comment": "a test"}
    )
    assert some.json() == {"tasks": 5, "paths": 5, "next": None}
    rest = as_("ann").post(f"/jobs/{job}/decisions", json={"answer": "accept"})
    assert rest.json() == {"tasks": 5, "paths": 5, "next": None}
    told = as_("ann").get(f"/jobs/{job}").json()
    assert (told["state"], told["paths"]["processed"], told["paths"]["failed"]) == ("Failure", 5, 5)
    refused = as_("ann").post(f"/jobs/{job}/decisions", json={"answer": "accept"})
    assert (refused.status_code, refused.json()["legal_events"]) == (409, [])


def test_many_want_one_task_and_one_gets_it(as_: As, engine: Engine) -> None:
    _, tasks = waiting(engine, tasks=5)
    clients = [as_("ann"), as_("ben"), as_("pia")] * 2
    with ThreadPoolExecutor(len(clients)) as pool:
        for task in tasks:
            users = list(pool.map(lambda client, task=task: fire(client, task, "claim"), clients))
            winners = {answer.json()["asked"]["claimed_by"] for answer in users if answer.status_code == 200}
            assert len(winners) == 1, "who has it may claim it again"
            assert {answer.status_code for answer in users} == {200, 409}


def test_there_is_nothing_to_decide_in_what_runs_no_workflow(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        group = tx.execute(text("insert into jobs (kind, owner, state) values ('group', 'me', 'Started') returning id"))
        job = group.scalar_one()
    answer = api.post(f"/api/v1/jobs/{job}/decisions", json={"answer": "accept"})
    assert answer.status_code == 409, answer.text
    assert "no run of a workflow" in answer.json()["detail"]
