"""Commands for definitions and schedules, against a whole stack: what they print, and what came of it."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole, make_files

pytestmark = pytest.mark.timeout(120)


def applied(whole: Whole, **more: Any) -> str:
    """A workflow made from a file; its name."""
    name = f"flow_{uuid4().hex[:8]}"
    rule = {"type": "file", "include": ["*.txt"], "action": [{"name": "fs.checksum"}]}
    definition = {"name": name, "discovery": "recursive", "filter_rules": [rule], **more}
    file = whole.data / f"{name}.yaml"
    file.write_text(yaml.safe_dump(definition))
    assert f"workflow {name} is at version" in whole.cli("workflow", "apply", str(file))
    return name


def test_versions_are_compared_shown_and_pinned(whole: Whole) -> None:
    name = applied(whole)
    file = whole.data / f"{name}.yaml"
    file.write_text(file.read_text() + "label: newer\n")
    whole.cli("workflow", "apply", str(file))
    assert '+ $.label: "newer"' in whole.cli("workflow", "diff", name)
    [difference] = whole.cli_json("workflow", "diff", name, "--from", "2", "--to", "1")
    assert [(one["change"], one["place"]) for one in difference["changes"]] == [("removed", "$.label")]
    assert [one["version"] for one in whole.cli_json("workflow", "versions", name)] == [2, 1]
    assert "label" not in whole.cli("workflow", "show", name, "--version", "1")
    folder = make_files(whole.folder(), ["a.txt"])[0].parent
    [job] = whole.cli_json("submit", name, str(folder), "--site", "london", "--version", "1")
    assert job["workflow_version"] == 1
    whole.end(job["id"])


def test_what_is_exported_is_imported_again(whole: Whole, tmp_path: Path) -> None:
    name, other = applied(whole, label="One"), applied(whole)
    folder = whole.folder("exported")
    whole.cli("workflow", "export", name, other, "--to", str(folder))
    assert sorted(file.name for file in folder.iterdir()) == sorted([f"{name}.yaml", f"{other}.yaml"])
    whole.cli("workflow", "delete", name)
    taken = {one["name"]: one["version"] for one in whole.cli_json("workflow", "import", str(folder))}
    assert taken == {name: 2, other: 1}, "what was deleted is there again, and what is the same is no new version"
    both = whole.data / "both.yaml"
    both.write_text(whole.cli("workflow", "export", name, other))
    assert {one["name"]: one["version"] for one in whole.cli_json("workflow", "import", str(both))} == taken
    assert [one["name"] for one in whole.cli_json("workflow", "export", name)] == [name]


def test_a_key_that_is_there_twice_is_refused_here_too(whole: Whole) -> None:
    file = whole.data / "twice.yaml"
    file.write_text("name: a\nname: b\nfilter_rules: []\n")
    assert "the key 'name' is there twice" in whole.cli("workflow", "apply", str(file), code=2)


def test_the_schema_needs_no_service(whole: Whole) -> None:
    assert json.loads(whole.cli("workflow", "schema"))["title"] == "Workflow"


def test_a_dry_run_tells_what_would_run_and_runs_nothing(whole: Whole) -> None:
    name = applied(whole)
    folder = make_files(whole.folder(), ["a.txt", "d/b.txt", "c.dat"])[0].parent
    whole.run(name, folder)
    shown = whole.cli("submit", name, str(folder), "--site", "london", "--dry-run")
    assert "2 paths" in shown
    assert "fs.checksum" in shown
    [found] = whole.cli_json("submit", name, str(folder), "--site", "london", "--dry-run")
    assert (found["final"], found["paths"]) == (True, 2)
    assert found["unmatched"] >= 1
    [step] = found["rules"][0]["steps"]
    assert (step["action"], step["site"]) == ("fs.checksum", "london")
    assert step["seconds_per_path"] > 0
    assert found["expected_s"] is not None
    assert whole.items(f"/jobs/{found['job_id']}/tasks") == []
    assert whole.cli_json("forecast", str(found["job_id"])) == [found]


def test_a_schedule_from_beginning_to_end(whole: Whole) -> None:
    workflow, name = applied(whole), f"often_{uuid4().hex[:8]}"
    folder = make_files(whole.folder(), ["a.txt"])[0].parent
    added = whole.cli("schedule", "add", name, workflow, str(folder), "--site", "london", "--every", "1s")
    assert f"({name}) is due at" in added

    def fired() -> list[dict[str, Any]]:
        found = whole.cli_json("schedule", "firings", name)
        return [one for one in found if one["outcome"] == "started"]

    assert wait_until(lambda: len(fired()) >= 2, 30)
    assert f"({name}) started it" in whole.cli("why", str(fired()[0]["job_id"]))
    assert "paused" in whole.cli("schedule", "pause", name, "--reason", "enough")
    assert any(one["name"] == name for one in whole.cli_json("schedule", "list", "--paused"))
    for one in fired():
        assert whole.end(one["job_id"])["name"] == name
    shown = whole.cli("schedule", "show", name)
    assert "every 1 s" in shown
    assert "paused" in shown
    file = whole.data / f"{name}.yaml"
    said = {"name": name, "workflow": workflow, "site": "london", "paths": [str(folder)], "every": "6h"}
    file.write_text(yaml.safe_dump(said))
    [changed] = whole.cli_json("schedule", "apply", str(file))
    assert (changed["every"], changed["enabled"]) == (6 * 3600, False)
    [firing] = whole.cli_json("schedule", "run", name)
    assert firing["by"] == "admin"
    whole.end(firing["job_id"])
    [resumed] = whole.cli_json("schedule", "resume", name)
    assert len(resumed["next_times"]) == 10
    whole.cli("schedule", "delete", name)
    assert "there is no schedule" in whole.cli("schedule", "show", name, code=1)
    daily = ["schedule", "add", f"daily_{uuid4().hex[:8]}", workflow, str(folder), "--site", "london"]
    [made] = whole.cli_json(*daily, "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--paused")
    assert (made["enabled"], made["timezone"]) == (False, "Europe/Berlin")
    whole.cli("schedule", "delete", str(made["id"]))
