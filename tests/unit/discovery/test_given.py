"""Paths that are given: exactly those, in order."""

import os
from pathlib import Path

import pytest

from orchestrator.contracts.paths import PathList
from tests.unit.discovery.trees import build, context
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Listing
from workers.discovery.given import given
from workers.discovery.start import kind_of


def listed(ctx: DiscoveryContext, start: PathList, cursor: bytes | None = None) -> list[Listing]:
    findings = list(given(ctx, start, cursor))
    listings = [finding for finding in findings if isinstance(finding, Listing)]
    assert len(listings) == len(findings)
    return listings


def test_kinds_are_looked_up_inside_the_roots_only(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    build(root, {b"in": {b"file": None, b"folder": {}}, b"out": None})
    os.symlink(b"../out", root + b"/in/link")
    names = [b"file", b"folder", b"link", b"missing", b"../out"]
    paths = [root + b"/in/" + name for name in names] + [root + b"/out", b"s3://bucket/key", b"id 17", b"", b"\xff"]
    [listing] = listed(context(root + b"/in"), PathList(paths))
    assert listing.names == paths
    assert listing.kinds == "fdl?" + "?" * 6


def test_neighbours_are_looked_at_as_each_is_by_itself(tmp_path: Path) -> None:
    top = os.fsencode(tmp_path)
    build(top, {b"one": {b"f": None, b"d": {b"f": None}}, b"two": {}, b"f": None})
    os.symlink(b"one", top + b"/link")
    os.symlink(b"..", top + b"/one/out")
    os.symlink(b"d", top + b"/one/way")
    ctx = context(top + b"/one", top + b"/two")
    # Roots in a folder that is in none; names that are none; links that lead inside, outside, and to the other root.
    paths = [top + name for name in (b"/one", b"/two", b"/f", b"/link")]
    paths += [top + b"/one/" + name for name in (b"f", b"d", b"out", b".", b"..", b"", b"f\0", b"x" * 300)]
    paths += [top + b"/one/way/" + name for name in (b"f", b"none")]
    paths += [top + b"/one/out/" + name for name in (b"f", b"two")]
    paths += [top + b"/gone/" + name for name in (b"f", b"g")]
    [listing] = listed(ctx, PathList(paths))
    assert listing.kinds == "".join(kind_of(ctx.roots, path) for path in paths)
    assert listing.kinds == "dd??" + "fdld?d??" + "f?" + "?d" + "??"


def test_states_and_sizes_stay_with_their_paths_from_any_cursor_on() -> None:
    count = 1234
    start = PathList(
        [b"%d" % n for n in range(count)],
        states=["new" if n % 2 else None for n in range(count)],
        sizes=list(range(count)),
    )
    whole = listed(context(b"/nowhere"), start)
    cursors = [(listing, n) for listing in whole for n in range(1, len(listing.names) + 1)]
    assert len(cursors) == count
    for index in (0, 498, 499, 500, 1233):
        listing, n = cursors[index]
        rest = listed(context(b"/nowhere"), start, listing.cursor(n))
        assert [name for part in rest for name in part.names] == start.paths[index + 1 :]
        assert [state for part in rest for state in part.states] == start.states[index + 1 :]
        assert [size for part in rest for size in part.sizes] == start.sizes[index + 1 :]


def test_no_paths_are_no_error_and_a_strange_cursor_is() -> None:
    assert listed(context(b"/nowhere"), PathList([])) == []
    with pytest.raises(DiscoveryError, match="not one of given paths"):
        listed(context(b"/nowhere"), PathList([b"a"]), b"\x93\x00")
