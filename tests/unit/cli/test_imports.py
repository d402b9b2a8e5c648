"""Which definitions there are in files as other hubs export them."""

import json
from pathlib import Path

import pytest
import typer

from orchestrator.cli.imports import definitions_in

MIGRATE = {
    "name": "migrate",
    "label": "Migrate",
    "icon_classes": ["fa fa-cloud fa-stack-2x text-success", "fa fa-angle-up fa-stack-2x"],
    "discovery": "recursive",
    "discovery_options": {"skip_missing": False},
    "enabled": True,
    "visible": True,
    "fields": [
        {
            "name": "lock_level",
            "label": "Lock level",
            "type": "choice",
            "choices": ["partial", "none"],
            "default": "none",
        }
    ],
    "filter_rules": [
        {"type": "all", "state": "all", "action": [{"name": "dynamo.tasks.migrate", "lock_level": "*lock_level"}]}
    ],
}
OTHER = {"name": "other", "filter_rules": [{"action": [{"name": "noop"}]}]}


def found(folder: Path, name: str, content: str) -> list[tuple[str, str | None, list[tuple[str, str]]]]:
    (folder / name).write_text(content)
    return [
        (one.place.removeprefix(f"{folder}/"), one.definition.get("name"), [(f.place, f.reason) for f in one.faults])
        for one in definitions_in(folder / name)
    ]


def test_one_in_a_file(tmp_path: Path) -> None:
    assert found(tmp_path, "a.json", json.dumps(MIGRATE, indent=2)) == [("a.json", "migrate", [])]
    assert found(tmp_path, "a.yaml", f"# by hand\n---\n{json.dumps(MIGRATE)}\n") == [("a.yaml", "migrate", [])]
    assert found(tmp_path, "one line.json", json.dumps(MIGRATE)) == [("one line.json", "migrate", [])]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([MIGRATE, OTHER])),
        ("a.json", json.dumps({"count": 2, "next": None, "previous": None, "results": [MIGRATE, OTHER]}, indent=1)),
        ("a.json", json.dumps({"items": [MIGRATE, OTHER], "next_cursor": None})),
        ("a.json", json.dumps(MIGRATE) + "\n" + json.dumps(OTHER) + "\n"),
        ("a.ndjson", json.dumps(MIGRATE) + "\n\n" + json.dumps(OTHER)),
        ("a.yml", "---\n" + json.dumps(MIGRATE) + "\n--- # another\nname: other\n"),
        ("a.yaml", "- " + json.dumps(MIGRATE) + "\n- name: other\n"),
    ],
)
def test_several_in_a_file(tmp_path: Path, name: str, content: str) -> None:
    assert found(tmp_path, name, content) == [
        (f"{name}, definition 1", "migrate", []),
        (f"{name}, definition 2", "other", []),
    ]


def test_what_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    ((place, _, faults),) = found(tmp_path, "a.json", "{")
    assert (place, faults[0][0]) == ("a.json", "$")
    assert found(tmp_path, "a.yaml", "name: a\n---\nname: b\nname: c\n") == [
        ("a.yaml", "a", []),
        ("a.yaml", None, [("$", "line 4: the key 'name' is there twice")]),
    ]
    assert found(tmp_path, "b.json", '[3, {"name": "x"}]') == [
        ("b.json, definition 1", None, [("$", "has to be an object")]),
        ("b.json, definition 2", "x", []),
    ]
    assert found(tmp_path, "empty.yaml", "# nothing\n") == []
    with pytest.raises(typer.BadParameter, match="No such file"):
        list(definitions_in(tmp_path / "nothing"))


def test_a_folder(tmp_path: Path) -> None:
    for name, content in {"b.json": OTHER, "a.yaml": MIGRATE}.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "README.md").write_text("no definition")
    (tmp_path / "deeper.json").mkdir()
    assert [one.definition["name"] for one in definitions_in(tmp_path)] == ["migrate", "other"]
