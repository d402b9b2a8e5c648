"""Workflows through the API: kept, versioned, refused with every place and reason."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import httpx
import yaml
from sqlalchemy import Engine, func, select

from orchestrator.errors import Conflict
from orchestrator.services import define
from orchestrator.storage.tables import workflow_versions

YAML = {"Content-Type": "application/yaml"}


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["place"]: error["reason"] for error in answer.json()["errors"]}


def chain(*actions: Any, **more: Any) -> dict[str, Any]:
    return {"name": "w", "filter_rules": [{"action": list(actions)}], **more}


def test_a_definition_comes_back_as_it_was_given(api: httpx.Client, copying: dict[str, Any]) -> None:
    made = api.post("/workflows", json=copying)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/v1/workflows/verify_and_copy"
    found = api.get("/workflows/verify_and_copy").json()
    assert found == made.json()
    assert found["version"] == 1
    assert found["created_by"] == "admin"
    assert found["enabled"] is True
    assert found["filter_rules"][0]["action"][1]["destination"] == "/in"
    assert found["filter_rules"][0]["action"][1]["timeout"] == 600
    assert found["fields"][0] == {
        "name": "to", "label": None, "type": "site", "choices": None, "default": None, "required": True
    }  # fmt: skip


def test_yaml_is_taken_as_json_is(api: httpx.Client, copying: dict[str, Any]) -> None:
    assert api.post("/workflows", content=yaml.safe_dump(copying), headers=YAML).status_code == 201
    again = api.put("/workflows/verify_and_copy", json=copying)
    assert (again.status_code, again.json()["version"]) == (200, 1)


def test_what_is_no_text_of_its_kind_is_refused(api: httpx.Client) -> None:
    assert errors(api.post("/workflows", content=b"{", headers={"Content-Type": "application/json"})).keys() == {"$"}
    twice = errors(api.post("/workflows", content=b"name: a\nname: b\n", headers=YAML))
    assert twice == {"$": "line 2: the key 'name' is there twice"}
    assert api.post("/workflows", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert errors(api.post("/workflows", json=[1])) == {"$": "has to be an object"}
    assert errors(api.post("/workflows", content=b"", headers=YAML)) == {"$": "has to be an object"}


def test_put_makes_versions_and_the_same_definition_none(api: httpx.Client, copying: dict[str, Any]) -> None:
    api.post("/workflows", json=copying)
    other = {**copying, "label": "Two"}
    del other["name"]
    assert api.put("/workflows/verify_and_copy", json=other).json()["version"] == 2
    assert api.put("/workflows/verify_and_copy", json={**other, "enabled": True}).json()["version"] == 2
    listed = api.get("/workflows/verify_and_copy/versions").json()
    assert [(item["version"], item["label"]) for item in listed["items"]] == [(2, "Two"), (1, None)]
    first = api.get("/workflows/verify_and_copy/versions?limit=1").json()
    rest = api.get("/workflows/verify_and_copy/versions", params={"cursor": first["next_cursor"]}).json()
    assert [item["version"] for item in rest["items"]] == [1]
    assert rest["next_cursor"] is None


def test_true_and_1_are_not_the_same_definition(api: httpx.Client) -> None:
    api.post("/workflows", json=chain({"name": "noop"}, fields=[{"name": "a", "type": "json", "default": 1}]))
    changed = chain({"name": "noop"}, fields=[{"name": "a", "type": "json", "default": True}])
    assert api.put("/workflows/w", json=changed).json()["version"] == 2


def test_names(api: httpx.Client) -> None:
    assert api.post("/workflows", json=chain({"name": "noop"})).status_code == 201
    assert api.post("/workflows", json=chain({"name": "noop"})).status_code == 409
    assert api.post("/workflows", json={"name": "w", "broken": 1}).status_code == 409  # before what else is wrong
    assert errors(api.put("/workflows/w", json=chain({"name": "noop"}) | {"name": "v"})).keys() == {"$.name"}
    for method in ("GET", "PUT", "DELETE"):
        assert api.request(method, "/workflows/nope", json={"broken": 1}).status_code == 404
    assert api.get("/workflows/nope/versions").status_code == 404
    for name in ("", "A", "a b", "é", "a" * 101, "a\n", 3, None):
        assert errors(api.post("/workflows", json=chain({"name": "noop"}) | {"name": name})).keys() == {"$.name"}


def test_a_deleted_name_can_be_used_again(api: httpx.Client) -> None:
    api.post("/workflows", json=chain({"name": "noop"}))
    assert api.delete("/workflows/w").status_code == 204
    assert api.delete("/workflows/w").status_code == 404
    assert api.get("/workflows/w").status_code == 404
    assert api.get("/workflows").json() == {"items": [], "next_cursor": None}
    assert api.post("/workflows", json=chain({"name": "noop"})).json()["version"] == 2


def test_the_list_goes_on_from_its_cursor(api: httpx.Client) -> None:
    names = [f"w{i}" for i in range(5)]
    for name in reversed(names):
        api.post("/workflows", json=chain({"name": "noop"}) | {"name": name})
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        part = api.get("/workflows", params=query).json()
        seen += [item["name"] for item in part["items"]]
        if part["next_cursor"] is None:
            break
        query["cursor"] = part["next_cursor"]
    assert seen == names
    assert api.get("/workflows?cursor=x").status_code == 422


BAD_CHAINS = [
    ({"name": "fs.copi", "destination": "/x"}, "name", "did you mean fs.copy?"),
    ({"name": "zzz"}, "name", "no site offers it"),
    ({"name": "sleep", "site": "london"}, "name", "at site london; offered at paris"),
    ({"name": "noop", "site": "rome"}, "site", "unknown site 'rome'; known: london, paris"),
    ({"name": "noop", "zoom": 1}, "zoom", "unknown parameter; known: none"),
    ({"name": "raster.tile", "zoom": "12"}, "zoom", "has to be a whole number, not '12'"),
    ({"name": "raster.tile", "zoom": 25, "site": "london"}, "zoom", "has to be at most 24, not 25"),
    ({"name": "fs.checksum", "algorithm": "md5"}, "algorithm", "has to be one of 'sha256', 'blake2b', not 'md5'"),
    ({"name": "fs.copy"}, "destination", "is required"),
    ({"name": "fs.copy", "destination": "*nope"}, "destination", "unknown field 'nope'"),
    ({"name": "fs.copy", "destination": "/x", "x": "*nope"}, "x", "unknown"),
    ({"name": "noop", "site": "*nope"}, "site", "unknown field"),
    ({"name": "noop", "queue": "*number"}, "queue", "is of type int: not the name of a queue"),
]


def test_a_bad_action_is_refused_with_its_place(api: httpx.Client) -> None:
    for action, key, reason in BAD_CHAINS:
        found = errors(api.post("/workflows", json=chain(action, fields=[{"name": "number", "type": "int"}])))
        assert reason in found.get(f"$.filter_rules[0].action[0].{key}", ""), action


def test_it_is_enough_that_one_site_takes_the_parameters(api: httpx.Client) -> None:
    assert api.post("/workflows", json=chain({"name": "raster.tile", "zoom": 99, "dpi": 1})).status_code == 201


def test_a_reference_is_not_checked_by_type_but_by_name(api: httpx.Client) -> None:
    fields = [{"name": "f"}]
    good = chain({"name": "raster.tile", "zoom": "*f"}, fields=fields)
    assert api.post("/workflows/validate", json=good).json() == {"valid": True, "errors": []}
    bad = chain({"name": "raster.tile", "zooom": "*f"}, fields=fields)
    verdict = api.post("/workflows/validate", json=bad).json()
    assert verdict["valid"] is False
    assert [error["place"] for error in verdict["errors"]] == ["$.filter_rules[0].action[0].zooom"]
    assert api.get("/workflows").json()["items"] == []


def test_discoveries(api: httpx.Client) -> None:
    noop = {"name": "noop"}
    assert errors(api.post("/workflows", json=chain(noop, discovery="snapdiff"))).keys() == {"$.discovery"}
    assert errors(api.post("/workflows", json=chain(noop, discovery="given"))).keys() == {"$.discovery"}
    options = {"skip_missing": 1, "deep": True}
    assert errors(api.post("/workflows", json=chain(noop, discovery="recursive", discovery_options=options))) == {
        "$.discovery_options.skip_missing": "has to be true or false",
        "$.discovery_options.deep": "unknown option; known: skip_missing",
    }
    assert api.post("/workflows", json=chain(noop, discovery=None, discovery_options=None)).status_code == 201


def test_what_can_not_be_kept_is_refused(api: httpx.Client) -> None:
    field = {"name": "f", "type": "json"}
    for default in ("a\0b", 1e20, 1 << 63, {"a\0": 1}, [[[[1e300]]]]):
        found = errors(api.post("/workflows", json=chain({"name": "noop"}, fields=[{**field, "default": default}])))
        assert all(place.startswith("$.fields[0].default") for place in found)
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert errors(api.post("/workflows", json=chain({"name": "noop"}, fields=[{**field, "default": deep}])))
    edge = {**field, "default": [-(1 << 63), (1 << 63) - 1, 1e18, -1e-300, "\u2028 \U0001f600"]}
    assert api.post("/workflows", json=chain({"name": "noop"}, fields=[edge])).status_code == 201
    assert api.get("/workflows/w").json()["fields"][0]["default"] == edge["default"]


def test_a_product_definition_is_taken_as_it_is(api: httpx.Client) -> None:
    definition = {
        "name": "migrate",
        "label": "Migrate",
        "icon_classes": ["fa fa-cloud fa-stack-2x", "fa fa-angle-up fa-stack-1x"],
        "discovery": "recursive",
        "discovery_options": {"skip_missing": False},
        "enabled": True,
        "visible": True,
        "fields": [{"name": "dest", "label": "To", "type": "string"}],
        "filter_rules": [
            {"type": "all", "state": "all", "action": [{"name": "fs.copy", "destination": "/x", "site": "*dest"}]}
        ],
    }
    assert api.post("/workflows", json=definition).status_code == 201


def test_changes_at_once_make_one_version_each(offering: Engine, copying: dict[str, Any]) -> None:
    with offering.begin() as tx:
        define.create(tx, copying, "a")

    def change(label: int) -> int:
        with offering.begin() as tx:
            return define.change(tx, "verify_and_copy", deepcopy(copying) | {"label": str(label)}, "a").version

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(16))) == list(range(2, 18))
    with offering.begin() as tx:
        assert tx.scalar(select(func.count()).select_from(workflow_versions)) == 17


def test_creating_at_once_makes_one(offering: Engine, copying: dict[str, Any]) -> None:
    def create(_: int) -> str:
        try:
            with offering.begin() as tx:
                return f"version {define.create(tx, copying, 'a').version}"
        except Conflict:
            return "taken"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))
    assert sorted(set(answers)) == ["taken", "version 1"]
    assert answers.count("version 1") == 1
