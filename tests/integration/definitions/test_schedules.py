"""Schedules over the API: made, looked at, changed, paused, run, ended, and by whom."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from orchestrator.services.keys import make_key
from tests.asking import asking

URL = "/schedules"


@pytest.fixture
def workflow(api: httpx.Client) -> str:
    definition = {"name": "look", "discovery": "recursive", "filter_rules": [{"action": [{"name": "noop"}]}]}
    assert api.post("/workflows", json=definition).status_code == 201
    return "look"


@pytest.fixture
def body(workflow: str) -> dict[str, Any]:
    return {
        "name": "nightly",
        "workflow": workflow,
        "site": "london",
        "paths": ["/data"],
        "cron": "30 2 * * *",
        "timezone": "Europe/London",
    }


@pytest.fixture
def made(api: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(URL, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/schedules/{answer.json()['id']}"
    return answer.json()


@pytest.fixture
def as_user(api: httpx.Client, offering: Engine) -> Iterator[Any]:
    """A client of somebody with this role, maybe with a key that is bound to a site or a workflow."""
    clients: list[httpx.Client] = []

    def make(role: str, site: str | None = None, workflow: str | None = None) -> httpx.Client:
        name = f"{role}{len(clients)}"
        with offering.begin() as tx:
            tx.execute(text("insert into users (name, roles) values (:name, :roles)"), {"name": name, "roles": [role]})
            key = make_key(tx, name, site=site, workflow=workflow).plain
        clients.append(asking(api.base_url, key))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def audited(engine: Engine) -> list[tuple[str, str]]:
    with engine.begin() as tx:
        rows = tx.execute(text("select actor, action from audit where action like 'schedule.%' order by id"))
        return [(row.actor, row.action) for row in rows]


def test_what_is_said_is_shown_with_the_next_ten_times(api: httpx.Client, made: dict[str, Any]) -> None:
    shown = api.get(f"{URL}/{made['id']}").json()
    assert shown == made
    assert (made["owner"], made["enabled"], made["overlap"], made["catch_up"]) == ("admin", True, "skip", 3600)
    assert (made["cron"], made["timezone"], made["every"], made["at"]) == ("30 2 * * *", "Europe/London", None, None)
    assert (made["running"], made["queued"], made["last"], made["firings"]) == (None, 0, None, [])
    assert len(made["next_times"]) == 10
    assert made["next_times"][0] == made["next_at"]
    assert made["next_times"] == sorted(set(made["next_times"]))


def test_lists(api: httpx.Client, made: dict[str, Any], body: dict[str, Any]) -> None:
    other = {**body, "name": "often", "site": "paris", "every": "10m", "enabled": False}
    del other["cron"], other["timezone"]
    assert api.post(URL, json=other).json()["every"] == 600

    def names(**query: Any) -> list[str]:
        return [item["name"] for item in api.get(URL, params=query).raise_for_status().json()["items"]]

    assert names() == ["nightly", "often"]
    assert names(site="paris") == names(name="often") == names(enabled=False) == ["often"]
    assert names(workflow="look", owner="admin") == ["nightly", "often"]
    assert names(owner="nobody") == names(workflow="other") == []
    assert "paths" not in api.get(URL).json()["items"][0]
    page = api.get(URL, params={"limit": 1}).json()
    assert [item["name"] for item in page["items"]] == ["nightly"]
    assert names(cursor=page["next_cursor"]) == ["often"]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"site": "rome"}, "$.site"),
        ({"workflow": "other"}, "$.workflow"),
        ({"workflow_version": 7}, "$.workflow_version"),
        ({"fields": {"zoom": 3}}, "$.fields.zoom"),
        ({"paths": []}, "$.paths"),
        ({"paths": ["data"]}, "$.paths[0]"),
        ({"discovery": "guess"}, "$.discovery"),
        ({"discovery": "stream", "paths": []}, "$.discovery"),
        ({"cron": "61 * * * *"}, "$.cron"),
        ({"cron": None}, "$"),
        ({"timezone": None}, "$.timezone"),
        ({"attributes": {"a": "\0"}}, "$.attributes.a"),
    ],
)
def test_what_is_wrong_has_a_place(api: httpx.Client, body: dict[str, Any], said: dict[str, Any], place: str) -> None:
    answer = api.post(URL, json=body | said)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"] == "the schedule can not be taken"
    assert answer.json()["errors"][0]["place"] == place
    assert api.get(URL).json()["items"] == []


def test_a_time_that_has_passed_is_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    del body["cron"], body["timezone"]
    answer = api.post(URL, json=body | {"at": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "$.at")


def test_names_are_there_once(api: httpx.Client, made: dict[str, Any], body: dict[str, Any]) -> None:
    assert api.post(URL, json=body).status_code == 409
    second = api.post(URL, json=body | {"name": "other"}).json()
    assert api.put(f"{URL}/{second['id']}", json=body).status_code == 409
    assert api.get(f"{URL}/{second['id']}").json()["name"] == "other"


def test_change(api: httpx.Client, made: dict[str, Any], body: dict[str, Any], offering: Engine, as_user: Any) -> None:
    address = f"{URL}/{made['id']}"
    changed = as_user("planner").put(address, json=body | {"paths": ["/more"], "overlap": "queue"}).json()
    assert (changed["paths"], changed["overlap"], changed["owner"]) == (["/more"], "queue", "planner0")
    assert changed["next_at"] == made["next_at"], "its times are the same"
    api.post(f"{address}/pause", json={"reason": "later"}).raise_for_status()
    changed = api.put(address, json=body | {"cron": "0 4 * * *"}).json()
    assert (changed["enabled"], changed["next_at"], changed["next_times"]) == (False, None, [])
    changed = api.put(address, json=body | {"cron": "0 4 * * *", "enabled": True}).json()
    assert changed["next_at"] != made["next_at"]
    assert api.put(f"{URL}/99", json=body).status_code == 404
    assert api.put(address, json=body | {"cron": "x"}).status_code == 422
    assert audited(offering) == [
        ("admin", "schedule.create"), ("planner0", "schedule.change"), ("admin", "schedule.pause"),
        ("admin", "schedule.change"), ("admin", "schedule.change"),
    ]  # fmt: skip


def test_pause_and_resume(api: httpx.Client, made: dict[str, Any], offering: Engine) -> None:
    address = f"{URL}/{made['id']}"
    for _ in range(2):
        paused = api.post(f"{address}/pause", json={"reason": "the tapes are full"}).raise_for_status().json()
        assert (paused["enabled"], paused["next_at"], paused["next_times"]) == (False, None, [])
    for _ in range(2):
        assert api.post(f"{address}/resume").raise_for_status().json()["next_at"] == made["next_at"]
    assert audited(offering)[1:] == [("admin", "schedule.pause"), ("admin", "schedule.resume")]


def test_run(api: httpx.Client, made: dict[str, Any], offering: Engine) -> None:
    address = f"{URL}/{made['id']}"
    answer = api.post(f"{address}/run")
    assert answer.status_code == 202, answer.text
    firing = answer.json()
    assert (firing["outcome"], firing["by"], firing["schedule_id"]) == ("started", "admin", made["id"])
    job = api.get(f"/jobs/{firing['job_id']}").json()
    assert (job["name"], job["owner"], job["workflow"]) == ("nightly", "admin", "look")
    again = api.post(f"{address}/run")
    assert again.status_code == 409
    assert f"job {job['id']} has not ended" in again.json()["detail"]
    shown = api.get(address).json()
    assert (shown["running"], shown["last"], shown["firings"]) == (job["id"], firing, [firing])
    assert shown["next_at"] == made["next_at"]
    assert api.get(f"{address}/firings").json()["items"] == [firing]
    causes = api.get(f"/jobs/{job['id']}/why").json()["items"]
    assert any(f"schedule {made['id']} (nightly)" in cause["detail"] for cause in causes)
    assert audited(offering)[-1] == ("admin", "schedule.run")
    api.delete("/workflows/look").raise_for_status()
    with offering.begin() as tx:
        tx.execute(text("update schedules set job_id = null"))
    assert api.post(f"{address}/run").status_code == 422


def test_a_pinned_version_is_what_runs(api: httpx.Client, body: dict[str, Any]) -> None:
    newer = {"discovery": "recursive", "label": "newer", "filter_rules": [{"action": [{"name": "noop"}]}]}
    assert api.put("/workflows/look", json=newer).json()["version"] == 2
    pinned = api.post(URL, json=body | {"workflow_version": 1}).json()
    newest = api.post(URL, json=body | {"name": "newest"}).json()
    for schedule, version in ((pinned, 1), (newest, 2)):
        job = api.post(f"{URL}/{schedule['id']}/run").json()["job_id"]
        assert api.get(f"/jobs/{job}").json()["workflow_version"] == version


def test_delete(api: httpx.Client, made: dict[str, Any], offering: Engine) -> None:
    address = f"{URL}/{made['id']}"
    job = api.post(f"{address}/run").json()["job_id"]
    assert api.delete(address).status_code == 204
    assert api.get(f"/jobs/{job}").status_code == 200
    for asked in (api.get(address), api.delete(address), api.get(f"{address}/firings"), api.post(f"{address}/run")):
        assert asked.status_code == 404
    assert audited(offering)[-1] == ("admin", "schedule.delete")


@pytest.mark.parametrize("role", ["viewer", "worker", "reviewer"])
def test_who_may_not_start_jobs_may_only_look(
    as_user: Any, made: dict[str, Any], body: dict[str, Any], role: str
) -> None:
    somebody, address = as_user(role), f"{URL}/{made['id']}"
    assert somebody.get(address).status_code == 200
    assert somebody.get(f"{address}/firings").status_code == 200
    for asked in (
        somebody.post(URL, json=body),
        somebody.put(address, json=body),
        somebody.delete(address),
        *(somebody.post(f"{address}/{verb}") for verb in ("run", "pause", "resume")),
    ):
        assert asked.status_code == 403


def test_a_key_that_is_bound_reaches_its_schedules_only(
    as_user: Any, api: httpx.Client, made: dict[str, Any], body: dict[str, Any]
) -> None:
    bound, address = as_user("operator", site="paris"), f"{URL}/{made['id']}"
    for asked in (
        bound.post(URL, json=body | {"name": "other"}),
        bound.put(address, json=body | {"site": "paris"}),
        bound.delete(address),
        *(bound.post(f"{address}/{verb}") for verb in ("run", "pause", "resume")),
    ):
        assert asked.status_code == 403, asked.text
    own = bound.post(URL, json=body | {"name": "other", "site": "paris"})
    assert own.status_code == 201
    assert bound.put(f"{URL}/{own.json()['id']}", json=body | {"name": "other"}).status_code == 403
    assert bound.post(f"{URL}/{own.json()['id']}/run").status_code == 202
    other = {"name": "other", "filter_rules": [{"action": [{"name": "noop"}]}]}
    assert api.post("/workflows", json=other).status_code == 201
    for_another = as_user("operator", workflow="other")
    assert for_another.post(f"{address}/run").status_code == 403
    assert for_another.post(URL, json=body | {"name": "more"}).status_code == 403
