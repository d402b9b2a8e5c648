"""Plays the making of one sheet of a map: collect, validate with rework, publish. docs/people.md tells the story.

``python examples/map_production/play.py FOLDER`` against the service of ``orchestrator up`` (or that of
ORCHESTRATOR_URL and ORCHESTRATOR_KEY). FOLDER is one that the site london may touch. What people would do in their
own time is done here one after the other, each with a key of their own.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from orchestrator.cli.connect import find_client
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.errors import OrchestratorError

HERE = Path(__file__).parent
PEOPLE = {"pia": ("planner", []), "ed": ("worker", ["editors"]), "vera": ("worker", ["qa"])}
PATIENCE_S = 120


def main() -> None:
    """Play it, and print what came of it."""
    parser = argparse.ArgumentParser(description="Plays the making of one sheet of a map.")
    parser.add_argument("folder", type=Path, help="where the sheet is made: the site london has to be allowed there")
    folder: Path = parser.parse_args().folder.resolve()
    try:
        with find_client() as admin:
            define(admin, folder)
            people = {name: DocumentClient(admin.url, key_of(admin, name)) for name in PEOPLE}
            group = play(people, folder / "sheet")
            show(people["pia"], group)
    except OrchestratorError as error:
        sys.exit(f"play.py: {error}")


def define(admin: DocumentClient, folder: Path) -> None:
    """The workflow, the two task groups, and the people; what is there already is replaced, or stays."""
    (folder / "sheet").mkdir(parents=True, exist_ok=True)
    (folder / "published").mkdir(exist_ok=True)
    admin.apply_workflow("publish_sheet", read("publish_sheet", folder))
    for name, (role, groups) in PEOPLE.items():
        unless_there(admin, {"name": name, "roles": [role], "groups": groups})
    for name in ("map_sheet", "rework"):
        admin.apply_task_group(name, read(name, folder))


def read(name: str, folder: Path) -> dict[str, Any]:
    """A definition of this folder, with the places that it leaves open."""
    text = (HERE / f"{name}.yaml").read_text(encoding="utf-8")
    places = {"SHEET": folder / "sheet", "PUBLISHED": folder / "published"}
    for word, place in places.items():
        text = text.replace(word, yaml.safe_dump(str(place), default_style='"').strip())
    return yaml.safe_load(text)


def unless_there(admin: DocumentClient, user: dict[str, Any]) -> None:
    """Make a user."""
    try:
        admin.request("POST", "/users", user)
    except ApiRefused as refused:
        if refused.status != 409:
            raise


def key_of(admin: DocumentClient, user: str) -> str:
    """A new key of somebody's."""
    return admin.request("POST", "/keys", {"user": user, "label": "map production"})["key"]


def play(people: dict[str, DocumentClient], sheet: Path) -> int:
    """Everybody does their part; the group job's id."""
    pia, ed, vera = people["pia"], people["ed"], people["vera"]
    group = pia.start_group("map_sheet", name="sheet 12", extent=extent(), attributes={"scale": 50_000})["id"]
    said(pia, group, "pia starts the job; its first task is ready")

    task = begin(ed, group, "collect")
    (sheet / "roads.csv").write_text("road,lanes\nA1,4\nB27,2\n", encoding="utf-8")
    ed.set_task_status(task, group, "COMPLETE")
    said(pia, group, "ed has collected the roads")

    task = begin(vera, group, "validate")
    vera.insert_task_group(group, "rework", reason="the rivers are missing")
    said(pia, group, "vera misses the rivers, and has rework inserted")
    vera.set_task_status(task, group, "COMPLETE")
    said(pia, group, "vera has validated")

    task = begin(ed, group, "correct")
    (sheet / "rivers.csv").write_text("river,width\nInn,120\n", encoding="utf-8")
    ed.set_task_status(task, group, "COMPLETE")
    said(pia, group, "ed has added the rivers")

    vera.set_task_status(begin(vera, group, "validate_again"), group, "COMPLETE")
    said(pia, group, "vera is content; the sheet is being published")

    until = time.monotonic() + PATIENCE_S
    while pia.job(group)["ended_at"] is None and time.monotonic() < until:
        time.sleep(0.2)
    said(pia, group, "the sheet is published")
    return group


def extent() -> dict[str, Any]:
    """Where the sheet is."""
    ring = [[11.0, 47.0], [12.0, 47.0], [12.0, 48.0], [11.0, 48.0], [11.0, 47.0]]
    return {"type": "Polygon", "coordinates": [ring]}


def begin(who: DocumentClient, group: int, task: str) -> int:
    """Find the job of the task whose turn it is, and begin it; its id."""
    row = next(row for row in who.task_list(group)["items"] if row["task"] == task)
    return who.set_task_status(row["job_id"], group, "WORKING")["id"]


def said(client: DocumentClient, group: int, what: str) -> None:
    """Tell what has happened, and how far it is."""
    told = client.task_list(group)
    print(f"{told['percent_complete']:6.2f} %  {what}")


def show(client: DocumentClient, group: int) -> None:
    """The list, the history and what it took."""
    print(f"\njob {group} is {client.job(group)['state']}\n")
    for row in client.task_list(group)["items"]:
        took = "-" if row["duration_s"] is None else f"{row['duration_s']:.2f} s"
        print(f"{row['order']:3} {row['task']:15} {row['status']:9} {row['code']:2}  {row['started_by']:5} {took}")
    print("\nits history:")
    for entry in client.of_job(group, "history"):
        reason = entry["reason"] or ""
        print(f"{entry['seq']:3} {entry['event']:22} {entry['actor']:6} {entry['to'] or '':9} {reason}".rstrip())
    print("\nwhat it took:")
    report = client.request("GET", "/reports/durations", params={"parent": group})
    for stage in report["stages"]:
        print(f"    {stage['task_group']}.{stage['task']}: {stage['count']} x, {stage['total_s']:.2f} s")
    for person in report["persons"]:
        print(f"    {person['person']}: {person['count']} tasks, {person['total_s']:.2f} s")


if __name__ == "__main__":
    main()
