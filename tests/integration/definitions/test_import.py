"""Definitions of other hubs, taken over by the command line as they are."""

import json
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from orchestrator.cli.main import make_app

EXPORTED = {
    "name": "tiles",
    "label": "Cut tiles",
    "icon_classes": ["fa fa-cloud fa-stack-2x text-primary", "fa fa-angle-up fa-stack-2x"],
    "discovery": "recursive",
    "discovery_options": {"skip_missing": False},
    "enabled": True,
    "visible": True,
    "fields": [
        {"name": "site", "label": "Site", "type": "string"},
        {"name": "zoom", "label": "Zoom", "type": "int", "default": 3},
    ],
    "filter_rules": [
        {"type": "file", "state": "all", "action": [{"name": "raster.tile", "zoom": "*zoom", "site": "*site"}]},
        {"type": "all", "state": "default", "action": [{"name": "noop"}]},
    ],
}
FOREIGN: dict[str, Any] = {
    "name": "migrate",
    "label": "Migrate",
    "icon_classes": [],
    "discovery": "snapdiff",
    "fields": [{"name": "site", "type": "enum[site]"}],
    "filter_rules": [{"type": "link", "state": "all", "action": [{"name": "dynamo.tasks.migrate"}], "ignore": []}],
}


def command(api: httpx.Client, *arguments: str) -> Result:
    url, key = str(api.base_url).removesuffix("/api/v1/"), api.headers["Authorization"].removeprefix("Bearer ")
    return CliRunner(env={"COLUMNS": "200"}).invoke(make_app(), ["--url", url, "--key", key, "workflow", *arguments])


def test_a_folder_of_them(api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(EXPORTED))
    (tmp_path / "b.yaml").write_text(json.dumps(FOREIGN))
    checked = command(api, "import", "--check", str(tmp_path))
    assert checked.exit_code == 1
    assert f"workflow tiles can be taken ({tmp_path}/a.json)" in checked.stdout
    assert api.get("/workflows/tiles").status_code == 404
    done = command(api, "import", str(tmp_path), "--json")
    assert done.exit_code == 1
    good, bad = map(json.loads, done.stdout.splitlines())
    assert (good["name"], good["version"], good["errors"]) == ("tiles", 1, [])
    assert (bad["name"], bad["version"]) == ("migrate", None)
    assert {error["place"] for error in bad["errors"]} >= {
        "$.fields[0].type", "$.filter_rules[0].type", "$.filter_rules[0].ignore"
    }  # fmt: skip
    kept = api.get("/workflows/tiles").json()
    assert kept["icon_classes"] == EXPORTED["icon_classes"]
    assert kept["label"] == "Cut tiles"
    assert api.get("/workflows/migrate").status_code == 404


def test_what_another_hub_calls_otherwise_is_told(api: httpx.Client, tmp_path: Path) -> None:
    rule = {"type": "all", "state": "all", "action": [{"name": "dynamo.tasks.migrate"}]}
    (tmp_path / "a.json").write_text(json.dumps(FOREIGN | {"fields": [], "filter_rules": [rule]}))
    done = command(api, "import", str(tmp_path / "a.json"))
    assert done.exit_code == 1
    assert "a.json: migrate can not be taken" in done.stderr
    assert "$.discovery: unknown discovery 'snapdiff'" in done.stderr
    assert "$.filter_rules[0].action[0].name: unknown action 'dynamo.tasks.migrate'" in done.stderr


def test_a_key_that_may_not_is_told_once(api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([EXPORTED, EXPORTED]))
    api.headers["Authorization"] = "Bearer nobody"
    done = command(api, "import", str(tmp_path / "a.json"))
    assert done.exit_code == 1
    assert done.stderr.count("orchestrator:") == 1


def test_a_workflow_that_ships_is_taken_again(api: httpx.Client) -> None:
    done = command(api, "apply", "--shipped", "checksum")
    assert done.exit_code == 1  # these sites know of no sidecar
    assert "$.filter_rules[0].action[0].sidecar: unknown parameter" in done.stderr
