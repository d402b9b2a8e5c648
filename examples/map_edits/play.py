"""Plays two edit jobs over the same roads, one with all that can come between. docs/edit-jobs.md tells the story.

``python examples/map_edits/play.py FOLDER`` against the service of ``orchestrator up --actions
examples.map_edits.actions`` (or that of ORCHESTRATOR_URL and ORCHESTRATOR_KEY). FOLDER is one that the site london may
touch; the dataset is made there. What people would do in their own time is done here one after the other, each with a
key and a folder of their own.
"""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from examples.map_edits import geopackage
from examples.map_edits.geopackage import Feature
from examples.map_edits.person import Person
from orchestrator.cli.connect import find_client
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.errors import OrchestratorError

HERE = Path(__file__).parent
PEOPLE = {
    "pia": ("planner", []),
    "ed": ("worker", ["editors"]),
    "eva": ("worker", ["editors"]),
    "rob": ("reviewer", ["qa"]),
}
ROADS = ("Mill Lane", "Ferry Lane", "Bridge Road", "Quay", "Station Road", "High Street")


def main() -> None:
    """Play it, and print what came of it."""
    parser = argparse.ArgumentParser(description="Plays two edit jobs over the same roads.")
    parser.add_argument("folder", type=Path, help="where the dataset is made: the site london has to be allowed there")
    folder: Path = parser.parse_args().folder.resolve()
    try:
        with find_client() as admin, tempfile.TemporaryDirectory() as desks, ExitStack() as opened:
            define(admin, folder)
            people = {name: someone(admin, name, Path(desks)) for name in PEOPLE}
            for person in people.values():
                opened.enter_context(person.client)
            job = play(people)
            show(people["pia"].client, job, folder)
    except OrchestratorError as error:
        sys.exit(f"play.py: {error}")


def define(admin: DocumentClient, folder: Path) -> None:
    """The dataset, anew; the workflows, the type and the people: what is there already is replaced, or stays."""
    folder.mkdir(parents=True, exist_ok=True)
    geopackage.create(folder / "roads.gpkg", [road(number, name) for number, name in enumerate(ROADS, 1)])
    for workflow in yaml.safe_load((HERE / "workflows.yaml").read_text(encoding="utf-8")):
        admin.apply_workflow(workflow["name"], workflow)
    text = (HERE / "job_type.yaml").read_text(encoding="utf-8")
    for word, place in (("DATASET", folder / "roads.gpkg"), ("PUBLISHED", folder / "published.geojson")):
        text = text.replace(word, json.dumps(str(place)))
    admin.keep("/job-types", "roads", yaml.safe_load(text))
    for name, (role, groups) in PEOPLE.items():
        unless_there(admin, {"name": name, "roles": [role], "groups": groups})


def road(number: int | None, name: str, lanes: int = 2, east: float | None = None) -> Feature:
    """A road from south to north, each a little further east."""
    x = 11 + 0.1 * number if number is not None else east
    line = {"type": "LineString", "coordinates": [[x, 47.0], [x, 47.5]]}
    return {"type": "Feature", "id": number, "geometry": line, "properties": {"name": name, "lanes": lanes}}


def unless_there(admin: DocumentClient, user: dict[str, Any]) -> None:
    """Make a user."""
    try:
        admin.request("POST", "/users", user)
    except ApiRefused as refused:
        if refused.status != 409:
            raise


def someone(admin: DocumentClient, name: str, desks: Path) -> Person:
    """A person with a new key and an empty desk."""
    key = admin.request("POST", "/keys", {"user": name, "label": "map edits"})["key"]
    (desks / name).mkdir()
    return Person(name, DocumentClient(admin.url, key), desks / name)


def play(people: dict[str, Person]) -> int:
    """Everybody does their part; the number of the longer job."""
    pia, ed, eva, rob = (people[name] for name in ("pia", "ed", "eva", "rob"))
    job = pia.plan({"name": "ring road", "extent": box(11.05, 11.45), "quarantine": True})
    said(pia, job, "pia plans a job over roads 1 to 4; what comes in is to be looked at")
    pia.client.fire(job, "allocate", group="editors")
    edited = ed.take(job)
    said(pia, job, "ed has it, and edits")
    quick = pia.plan({"name": "harbour", "extent": box(11.25, 11.65), "assignee": "eva", "allocate": True})
    meanwhile(eva, quick)
    said(pia, quick, "eva's job over roads 3 to 6 came later, and is done before")

    edited[1]["properties"]["lanes"] = 0
    del edited[2]
    edited[3]["properties"]["name"] = "Old Bridge Road"
    ed.send(job, [*edited.values(), road(None, "Ring Road", 2, east=11.22)], "Invalid", comment="with the ring road")
    said(pia, job, "a road can not have 0 lanes: ed gets a correction")
    correct(ed, job, {1: {"lanes": 3}})
    said(pia, job, "it is valid now, and waits for the reviewers")
    review = rob.child(job, "review")
    rob.take(review)
    rob.client.fire(review, "corrections-required", comment="the ring road has 4 lanes")
    said(pia, job, "rob has looked, and asks for corrections")
    correct(ed, job, {None: {"lanes": 4}})
    rob.client.fire(rob.child(job, "review"), "review-approved", comment="fine")
    pia.wait(job, "Conflicted")
    said(pia, job, "rob approves; but eva has changed road 3 meanwhile")
    resolve(ed, job)
    pia.wait(job, "Completed")
    said(pia, job, "ed has resolved it: the name is ed's, the lanes are eva's; it is merged, and published")
    pia.client.fire(job, "archive")
    said(pia, job, "pia puts it away")
    return job


def meanwhile(eva: Person, job: int) -> None:
    """Somebody else edits two roads, and nothing comes between."""
    found = eva.take(job)
    found[3]["properties"]["lanes"] = 4
    found[4]["properties"]["name"] = "Harbour Quay"
    eva.send(job, found.values(), "Completed")


def correct(ed: Person, job: int, right: dict[int | None, dict[str, Any]]) -> None:
    """Do what a correction asks for, in what was sent last; the job is then to be looked at."""
    correction = ed.child(job, "correction")
    sent = ed.take(correction)
    for id, properties in right.items():
        sent[id]["properties"].update(properties)
    ed.send(correction, sent.values(), "Completed")
    ed.wait(job, "Quarantined")


def resolve(ed: Person, job: int) -> None:
    """Of a road that another has changed too, take the name from here and the rest from there."""
    conflict = ed.child(job, "conflict")
    sent = ed.take(conflict)
    for this, other, _base in ed.conflicts(conflict):
        # With the version of the other: that is what has been seen.
        sent[this["id"]]["properties"] = {**other["properties"], "name": this["properties"]["name"]}
    ed.send(conflict, sent.values(), "Completed")


def box(west: float, east: float) -> dict[str, Any]:
    """An extent between two meridians."""
    ring = [[west, 47.0], [east, 47.0], [east, 48.0], [west, 48.0], [west, 47.0]]
    return {"type": "Polygon", "coordinates": [ring]}


def said(who: Person, job: int, what: str) -> None:
    """Tell what has happened, and where the job stands."""
    print(f"job {job} {who.client.job(job)['state']:11}  {what}")


def show(client: DocumentClient, job: int, folder: Path) -> None:
    """The job's way, the jobs that it waited for, and the dataset."""
    walked = [entry["to"] for entry in client.of_job(job, "history") if entry["to"]]
    print(f"\nthe way of job {job}:\n    {', '.join(walked)}")
    print("\nwhat it waited for:")
    children = [child for child in client.jobs(parent=job, archived=True) if child["kind"] != "batch"]
    for child in reversed(children):
        about = child["decision"] or "; ".join(failure["message"] for failure in child["failures"])
        print(f"    job {child['id']} {child['kind']:10} {child['state']:9} {about}")
    print("\nthe roads, as they are published:")
    published = json.loads((folder / "published.geojson").read_bytes())
    for feature in published["features"]:
        its = feature["properties"]
        by = f"by job {its['job']}" if its["job"] else ""
        print(f"    {feature['id']} {its['name']:15} {its['lanes']} lanes, version {its['version']} {by}".rstrip())


if __name__ == "__main__":
    main()
