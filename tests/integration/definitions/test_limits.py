"""Limits on what runs at once, changed over the API while it runs: who may, from when they count, what is refused."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from orchestrator.domain.roles import Role
from orchestrator.services.keys import make_key

URL = "/workflows/verify_and_copy"


@pytest.fixture
def version(api: httpx.Client, copying: dict[str, Any]) -> str:
    """The tag of its first version."""
    return api.post("/workflows", json=copying).raise_for_status().headers["etag"]


def test_a_version_says_so_and_the_jobs_that_have_not_ended_keep_to_it(
    api: httpx.Client, version: str, offering: Engine
) -> None:
    body = {"workflow": "verify_and_copy", "site": "london", "paths": ["/data"], "fields": {"to": "paris"}}
    live, ended = (api.post("/jobs", json=body | {"max_running": 9}).json()["id"] for _ in range(2))
    with offering.begin() as tx:
        tx.execute(text("update jobs set state = 'Success', ended_at = now() where id = :job"), {"job": ended})
    limited = api.patch(URL, json={"max_running": 40, "actions": {"fs.copy": 4}}, headers={"If-Match": version})
    assert limited.status_code == 200, limited.text
    told = limited.json()
    assert (told["version"], told["max_running"]) == (2, 40)
    assert [action["max_running"] for action in told["filter_rules"][0]["action"]] == [None, 4]
    assert limited.headers["etag"] == api.get(URL).headers["etag"] != version
    with offering.begin() as tx:
        kept = {row.id: row.max_running for row in tx.execute(text("select id, max_running from jobs"))}
    assert kept == {live: {"job": 9, "workflow": 40, "actions": {"fs.copy": 4}}, ended: {"job": 9}}
    assert [one["place"] for one in api.get(f"{URL}/diff").json()["changes"]] == [
        "$.filter_rules[0].action[1].max_running",
        "$.max_running",
    ]
    assert api.patch(URL, json={"max_running": 1}, headers={"If-Match": version}).status_code == 412
    assert api.get(URL).json()["version"] == 2


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({}, "$"),
        ({"actions": {}}, "$"),
        ({"max_running": 0}, "$.max_running"),
        ({"max_running": 10**30}, "$.max_running"),
        ({"max_running": "4"}, "$.max_running"),
        ({"actions": {"fs.copy": 1.5}}, "$.actions['fs.copy']"),
        ({"actions": {"": 1}}, "$.actions['']"),
        ({"actions": {"noop": 1}}, "$.actions.noop"),
        ({"label": "x", "max_running": 1}, "$.label"),
        ([], "$"),
    ],
)
def test_what_is_wrong_has_a_place(api: httpx.Client, version: str, said: Any, place: str) -> None:
    refused = api.patch(URL, json=said)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["place"].startswith(place)
    assert api.get(URL).headers["etag"] == version


def test_who_may_write_workflows_may_limit_them(api: httpx.Client, version: str, offering: Engine) -> None:
    assert api.patch("/workflows/none", json={"max_running": 1}).status_code == 404
    for role, status in {Role.OPERATOR: 200, Role.PLANNER: 200, Role.WORKER: 403, Role.VIEWER: 403}.items():
        with offering.begin() as tx:
            headers = {"Authorization": f"Bearer {make_key(tx, 'admin', roles=[role]).plain}"}
        assert api.patch(URL, json={"max_running": 3}, headers=headers).status_code == status, role
