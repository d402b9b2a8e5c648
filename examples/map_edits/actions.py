"""The steps of an edit job over roads: extract, validate, reconcile, commit, publish, cleanup.

``orchestrator up --actions examples.map_edits.actions`` loads them. What each job did is done in one transaction of the
dataset's, and known there by the job's number: each step may be run again.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from examples.map_edits import geopackage
from examples.map_edits.edits import BadEdits, Change, changes, conflict, read, same, written
from examples.map_edits.geopackage import Feature, road, roads
from examples.map_edits.rules import box_of, faults
from orchestrator.contracts.paths import PathList
from workers import Context, Path, action
from workers.discovery import DiscoveryContext, Found, discovery
from workers.roots import Roots

RESERVED_S = 600.0
"""How long a job that was found free of conflicts may take until it is merged."""
_BASE, _PACKAGE, _CONFLICTS = "base.geojson", "roads.geojson", "conflicts.geojson"
_ALL = b"roads"
"""The path of edits that can not be read at all."""


class NotMerged(Exception):
    """What was reconciled can no longer be merged."""


@action("map.extract")
def extract(ctx: Context, paths: list[Path], *, workspace: str, extent: dict[str, Any] | None = None) -> None:
    """Copy the roads of the dataset that come into the extent into the package, and beside as what they were."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            with _dataset(ctx, path.raw) as database:
                found = written(roads(database, None if extent is None else box_of(extent)))
            _write(ctx.roots, workspace, _BASE, found)
            _write(ctx.roots, f"{workspace}/package", _PACKAGE, found)


@discovery("map.changes")
def changed(ctx: DiscoveryContext, start: PathList, cursor: bytes | None) -> Iterator[Found]:
    """One path for each road that was edited in these workspaces: ``roads/17``, ``roads/new-1``."""
    for workspace in start.paths:
        try:
            found = [b"roads/" + key.encode() for key in _changes(ctx.roots, os.fsdecode(workspace))]
        except BadEdits:
            found = [_ALL]  # the rules are asked what is wrong with it
        for index, path in enumerate(found):
            if index >= int(cursor or 0):
                yield Found(path, cursor=b"%d" % (index + 1), base=workspace)


@action("map.validate")
def validate(ctx: Context, paths: list[Path], *, workspace: str, extent: dict[str, Any] | None = None) -> None:
    """Judge every road that was edited by the rules."""
    box = None if extent is None else box_of(extent)
    for path, change in _with_changes(ctx, paths, workspace):
        with ctx.outcome(path):
            if isinstance(change, BadEdits):
                raise change
            if wrong := list(faults(change, box)):
                ctx.fail(path, "; ".join(wrong), "Rule")


@action("map.reconcile")
def reconcile(ctx: Context, paths: list[Path], *, job: int, workspace: str, dataset: str) -> None:
    """Compare every road that was edited with what it is now; reserve those that can be merged.

    What others have changed meanwhile is put into the package, as it is in these edits, with them, and was before.
    """
    with _dataset(ctx, os.fsencode(dataset)) as database:
        clashes: list[Change] = []
        for path, change in _with_changes(ctx, paths, workspace):
            if isinstance(change, BadEdits):
                raise change
            if why := conflict(change, road(database, change.id)) or _reserved(database, change, job):
                clashes.append(change)
                ctx.fail(path, why, "Conflict")
            else:
                ctx.done(path)
        if clashes:
            database.execute("delete from reserved where job = ?", (job,))
        sides = [side for change in clashes for side in _sides(change, road(database, change.id))]
    if clashes:
        _write(ctx.roots, f"{workspace}/package", _CONFLICTS, written(sides))


@action("map.commit")
def commit(ctx: Context, paths: list[Path], *, job: int, workspace: str) -> None:
    """Merge the edits into the dataset: all in one transaction, and once, however often it is run."""
    for path in ctx.each(paths):
        with _dataset(ctx, path.raw) as database:
            if database.execute("select 1 from merged where job = ?", (job,)).fetchone():
                ctx.log.info("job %d is merged already", job)
            else:
                merged = _merge(database, _changes(ctx.roots, workspace), job)
                ctx.log.info("job %d is merged: %d roads", job, merged)
        ctx.done(path)


@action("map.publish")
def publish(ctx: Context, paths: list[Path], *, published: str) -> None:
    """Write all roads of the dataset to the published file."""
    folder, name = os.path.split(published)
    for path in ctx.each(paths):
        with _dataset(ctx, path.raw) as database:  # an older state must not come after a newer one
            _write(ctx.roots, folder, name, written(roads(database)))
        ctx.done(path)


@action("map.cleanup")
def cleanup(ctx: Context, paths: list[Path], *, job: int) -> None:
    """Let go of what the job has reserved."""
    for path in ctx.each(paths):
        with _dataset(ctx, path.raw) as database:
            database.execute("delete from reserved where job = ?", (job,))
        ctx.done(path)


def _merge(database: sqlite3.Connection, wanted: dict[str, Change], job: int) -> int:
    """Write the changes, and that they are; how many roads it was."""
    version: int = database.execute("select 1 + coalesce(max(version), 1) from merged").fetchone()[0]
    merged = 0
    for change in wanted.values():
        now = road(database, change.id)
        if why := conflict(change, now):
            raise NotMerged(f"road {change.key}: {why}")
        if same(change.this, now):
            continue
        if change.this is None:
            database.execute("delete from roads where id = ?", (change.id,))
        else:
            geopackage.put(database, change.this, version, job)
        merged += 1
    database.execute("insert into merged (job, version, changes) values (?, ?, ?)", (job, version, merged))
    database.execute("delete from reserved where job = ?", (job,))
    return merged


def _reserved(database: sqlite3.Connection, change: Change, job: int) -> str | None:
    """Reserve a road; why that can not be, when another job is about to merge it."""
    if change.id is None:
        return None
    now = time.time()
    row = database.execute("select job, until from reserved where road = ?", (change.id,)).fetchone()
    if row is not None and row[0] != job and row[1] > now:
        return f"conflict: job {row[0]} is about to merge it"
    values = (change.id, job, now + RESERVED_S)
    database.execute("insert or replace into reserved (road, job, until) values (?, ?, ?)", values)
    return None


def _sides(change: Change, other: Feature | None) -> Iterator[Feature]:
    """The three versions of a road, each with the side that it is; one is missing where the road is gone."""
    for side, feature in (("this", change.this), ("other", other), ("base", change.base)):
        if feature is not None:
            yield {**feature, "properties": {**feature["properties"], "side": side}}


def _with_changes(
    ctx: Context, paths: list[Path], workspace: str
) -> Iterator[tuple[Path, Change] | tuple[Path, BadEdits]]:
    """Every path with what was changed there, or why the edits can not be read."""
    try:
        found = _changes(ctx.roots, workspace)
    except BadEdits as bad:
        for path in ctx.each(paths):
            yield path, bad
        return
    for path in ctx.each(paths):
        yield path, found[path.path.removeprefix("roads/")]


def _changes(roots: Roots, workspace: str) -> dict[str, Change]:
    try:
        edits = _read(roots, f"{workspace}/edits")
    except FileNotFoundError:
        raise BadEdits("no edits were sent") from None
    return changes(read(_read(roots, f"{workspace}/{_BASE}")), read(edits))


@contextmanager
def _dataset(ctx: Context, path: bytes) -> Generator[sqlite3.Connection, None, None]:
    """A transaction of the dataset, which has to be within the roots of the site."""
    ctx.roots.stat(path)
    with geopackage.transaction(os.fsdecode(path)) as database:
        yield database


def _read(roots: Roots, path: str) -> bytes:
    with os.fdopen(roots.open(os.fsencode(path)), "rb") as file:
        return file.read()


def _write(roots: Roots, folder: str, name: str, content: bytes) -> None:
    """Write a file whole, or not at all."""
    draft = f".{name}.{secrets.token_hex(4)}"
    with roots.folder(os.fsencode(folder), write=True) as place:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=place), "wb") as file:
            file.write(content)
        os.replace(draft, name, src_dir_fd=place, dst_dir_fd=place)
