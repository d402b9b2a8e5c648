"""The steps of the worked example (examples/map_edits), each over a small dataset."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.map_edits import actions, geopackage
from examples.map_edits.edits import written
from examples.map_edits.geopackage import Feature, roads
from orchestrator.contracts.paths import PathList
from workers.discovery import DiscoveryContext
from workers.roots import Root, Roots
from workers.testing import Result, run_action

EXTENT = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}
Document = dict[str, Any]


def feature(id: int | None, x: float, **properties: object) -> Feature:
    line = {"type": "LineString", "coordinates": [[x, 1.5], [x + 0.5, 2.25]]}
    told = {"name": f"road at {x:g}", "lanes": 2, **properties}
    return {"type": "Feature", "id": id, "geometry": line, "properties": told}


class Site:
    """A dataset of four roads, of which the last is outside the extent, and the workspaces of some jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.dataset, self.published = folder, folder / "roads.gpkg", folder / "published.geojson"
        geopackage.create(self.dataset, [feature(1, 1), feature(2, 2), feature(3, 3), feature(4, 40)])

    def run(self, action: Callable[..., Any], paths: list[str], **params: object) -> Result:
        return run_action(action, paths, params=params, roots=[self.folder])

    def workspace(self, job: int) -> Path:
        return self.folder / str(job)

    def extract(self, job: int) -> dict[int, Feature]:
        """Begin a job; its package."""
        (self.workspace(job) / "package").mkdir(parents=True)
        done = self.run(actions.extract, [str(self.dataset)], workspace=str(self.workspace(job)), extent=EXTENT)
        assert done.state == "Success", done
        package = json.loads((self.workspace(job) / "package" / "roads.geojson").read_bytes())
        return {found["id"]: found for found in package["features"]}

    def send(self, job: int, *edits: Feature) -> None:
        (self.workspace(job) / "edits").write_bytes(written(list(edits)))

    def changed(self, job: int, cursor: bytes | None = None) -> list[str]:
        start = PathList([str(self.workspace(job)).encode()], "d")
        context = DiscoveryContext(Roots([Root(str(self.folder).encode())]))
        return [found.path.decode() for found in actions.changed(context, start, cursor)]

    def judge(self, action: Callable[..., Any], job: int, /, **params: object) -> dict[str, str]:
        """What a check says is wrong, by path."""
        done = self.run(action, self.changed(job), workspace=str(self.workspace(job)), **params)
        assert done.state == ("Error" if done.messages else "Success"), done
        return done.messages

    def validate(self, job: int) -> dict[str, str]:
        return self.judge(actions.validate, job, extent=EXTENT)

    def reconcile(self, job: int) -> dict[str, str]:
        return self.judge(actions.reconcile, job, job=job, dataset=str(self.dataset))

    def commit(self, job: int) -> Result:
        return self.run(actions.commit, [str(self.dataset)], job=job, workspace=str(self.workspace(job)))

    def roads(self) -> dict[int, tuple[str, int, int]]:
        """Name, lanes and version of every road."""
        with geopackage.transaction(str(self.dataset)) as database:
            found = {each["id"]: each["properties"] for each in roads(database)}
        return {id: (its["name"], its["lanes"], its["version"]) for id, its in found.items()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def edited(feature: Feature, **properties: object) -> Feature:
    return {**feature, "properties": {**feature["properties"], **properties}}


def test_what_is_extracted_lies_in_the_extent(site: Site) -> None:
    package = site.extract(1)
    assert list(package) == [1, 2, 3]
    assert package[2]["geometry"]["coordinates"] == [[2, 1.5], [2.5, 2.25]]
    assert package[2]["properties"] == {"name": "road at 2", "lanes": 2, "version": 1, "job": None}


def test_what_was_edited_is_found_feature_by_feature_and_from_a_cursor_on(site: Site) -> None:
    package = site.extract(1)
    site.send(1, *package.values())
    assert site.changed(1) == []
    site.send(1, edited(package[1], lanes=3), feature(None, 5), edited(package[2], deleted=True))
    assert site.changed(1) == ["roads/1", "roads/new-1", "roads/2", "roads/3"]
    assert site.changed(1, cursor=b"3") == ["roads/3"]


def test_edits_are_merged_as_by_hand_and_once(site: Site) -> None:
    package = site.extract(7)
    site.send(7, edited(package[1], lanes=4), package[2], feature(None, 5, name="new"))
    assert (site.validate(7), site.reconcile(7)) == ({}, {})
    by_hand = {1: ("road at 1", 4, 2), 2: ("road at 2", 2, 1), 4: ("road at 40", 2, 1), 5: ("new", 2, 2)}
    for _ in range(2):
        assert site.commit(7).state == "Success"
        assert site.roads() == by_hand
    with closing(sqlite3.connect(site.dataset)) as database:
        assert database.execute("select * from merged").fetchall() == [(7, 2, 3)]
        assert database.execute("select count(*) from reserved").fetchone() == (0,)


def test_rules_say_what_is_wrong_with_which_road(site: Site) -> None:
    package = site.extract(1)
    crooked = {"type": "LineString", "coordinates": [[1, 1]]}
    elsewhere = {"type": "LineString", "coordinates": [[90, 1], [91, 1]]}
    site.send(
        1,
        edited(package[1], lanes=0, name=" "),
        {**package[2], "geometry": crooked},
        {**package[3], "geometry": elsewhere},
        feature(99, 4),
        feature(None, 5, lanes="two"),
    )
    assert site.validate(1) == {
        "roads/1": "has no name; has 0 lanes; it can have 1 to 8",
        "roads/2": "is no LineString of two points or more",
        "roads/3": "is nowhere in the extent of the job",
        "roads/99": "road 99 was not extracted for this job",
        "roads/new-1": "has 'two' lanes; it can have 1 to 8",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no edits were sent"),
        (b"\xff", "the edits are no GeoJSON FeatureCollection"),
        (b'{"features": [{"id": "a", "properties": {}}]}', "its id a whole number"),
        (b'{"features": [{"id": 1, "properties": {}}, {"id": 1, "properties": {}}]}', "the feature 1 is there twice"),
    ],
)
def test_edits_that_can_not_be_read_are_judged(site: Site, content: bytes | None, told: str) -> None:
    site.extract(1)
    if content is not None:
        (site.workspace(1) / "edits").write_bytes(content)
    assert told in site.validate(1)["roads"]


def test_a_feature_that_another_has_changed_is_a_conflict_with_three_sides(site: Site) -> None:
    first, second = site.extract(1), site.extract(2)
    site.send(1, edited(first[1], lanes=5), first[2], edited(first[3], name="changed"))
    site.send(2, edited(second[1], name="mine"), edited(second[2], lanes=3), second[3])
    assert site.reconcile(1) == {}
    assert site.reconcile(2) == {"roads/1": "conflict: job 1 is about to merge it"}
    assert site.commit(1).state == "Success"
    assert site.reconcile(2) == {"roads/1": "conflict: version 2 is by job 1; version 1 was edited"}
    sides = json.loads((site.workspace(2) / "package" / "conflicts.geojson").read_bytes())["features"]
    told = {side["properties"]["side"]: side["properties"] for side in sides}
    assert {side: (its["name"], its["lanes"]) for side, its in told.items()} == {
        "this": ("mine", 2), "other": ("road at 1", 5), "base": ("road at 1", 2),
    }  # fmt: skip
    site.send(2, edited(second[1], name="mine", lanes=5, version=told["other"]["version"]), edited(second[2], lanes=3))
    # Without road 3, which job 1 has changed: it can not be deleted either.
    assert site.reconcile(2) == {"roads/3": "conflict: version 2 is by job 1; version 1 was edited"}
    site.send(
        2, edited(second[1], name="mine", lanes=5, version=2), edited(second[2], lanes=3), edited(second[3], version=2)
    )
    assert site.reconcile(2) == {}
    assert site.commit(2).state == "Success"
    # The base was chosen for road 3: that undoes what job 1 did to it, and says so.
    assert site.roads() == {
        1: ("mine", 5, 3), 2: ("road at 2", 3, 3), 3: ("road at 3", 2, 3), 4: ("road at 40", 2, 1),
    }  # fmt: skip


def test_what_another_has_deleted_can_be_kept_or_let_go(site: Site) -> None:
    first, second = site.extract(1), site.extract(2)
    site.send(1, first[3])
    site.reconcile(1)
    site.commit(1)
    site.send(2, edited(second[1], lanes=3), edited(second[2], lanes=3), second[3])
    told = "conflict: it was deleted; version 1 was edited"
    assert site.reconcile(2) == {"roads/1": told, "roads/2": told}
    site.send(2, edited(second[1], lanes=3, version=None), second[3])
    assert site.reconcile(2) == {}
    site.commit(2)
    assert site.roads() == {1: ("road at 1", 3, 3), 3: ("road at 3", 2, 1), 4: ("road at 40", 2, 1)}


def test_a_commit_that_breaks_half_way_merges_nothing_and_can_be_repeated(site: Site) -> None:
    package = site.extract(1)
    site.send(1, *(edited(package[id], lanes=7) for id in (1, 2, 3)))
    site.reconcile(1)
    before = site.roads()
    with closing(sqlite3.connect(site.dataset)) as database:
        database.execute(
            "create trigger full before insert on roads when new.id = 3 begin select raise(abort, 'disk full'); end"
        )
    broken = site.commit(1)
    assert (broken.state, broken.error and broken.error.message) == ("Failure", "disk full")
    assert site.roads() == before
    with closing(sqlite3.connect(site.dataset)) as database:
        database.execute("drop trigger full")
    assert site.commit(1).state == "Success"
    assert [site.roads()[id][1] for id in (1, 2, 3)] == [7, 7, 7]


def test_what_was_changed_after_reconciling_is_not_overwritten(site: Site) -> None:
    package = site.extract(1)
    site.send(1, edited(package[1], lanes=7), package[2], package[3])
    site.reconcile(1)
    with geopackage.transaction(str(site.dataset)) as database:
        geopackage.put(database, edited(package[1], lanes=8), version=9, job=None)
    refused = site.commit(1)
    assert (refused.state, refused.error and refused.error.error_class) == ("Failure", "NotMerged")
    assert site.roads()[1] == ("road at 1", 8, 9)


def test_what_is_published_is_the_dataset_and_cleaning_up_lets_go(site: Site) -> None:
    package = site.extract(1)
    site.send(1, edited(package[1], lanes=7), package[2], package[3])
    site.reconcile(1)
    with closing(sqlite3.connect(site.dataset)) as database:
        assert database.execute("select job, road from reserved").fetchall() == [(1, 1)]
    for _ in range(2):
        assert site.run(actions.cleanup, [str(site.dataset)], job=1).state == "Success"
        assert site.run(actions.publish, [str(site.dataset)], published=str(site.published)).state == "Success"
    published = json.loads(site.published.read_bytes())["features"]
    assert {each["id"]: each["properties"]["lanes"] for each in published} == dict.fromkeys((1, 2, 3, 4), 2)
    with closing(sqlite3.connect(site.dataset)) as database:
        assert database.execute("select count(*) from reserved").fetchone() == (0,)


def test_a_dataset_outside_the_roots_is_not_touched(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "roads.gpkg"
    geopackage.create(elsewhere, [])
    refused = site.run(actions.cleanup, [str(elsewhere)], job=1)
    assert (refused.state, refused.error and refused.error.error_class) == ("Failure", "OutsideRoots")


def test_the_dataset_is_a_geopackage(site: Site) -> None:
    head = site.dataset.read_bytes()[:72]
    assert (head[:16], head[68:72]) == (b"SQLite format 3\0", b"GPKG")
    line = [[11.5, 47.25], [12.0, 47.5], [11.0, 48.0]]
    blob = geopackage.encode(line)
    assert (geopackage.decode(blob), geopackage.envelope(blob)) == (line, (11.0, 47.25, 12.0, 48.0))
    # The header is 40 bytes with an envelope; what follows is WKB: little endian, a line of three points.
    assert (blob[:4], blob[40:49].hex()) == (b"GP\0\x03", "010200000003000000")
