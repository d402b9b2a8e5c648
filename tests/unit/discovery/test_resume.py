"""A walk that is broken off anywhere, shared at any moment, and gone on with, finds every path exactly once."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.contracts.paths import PathList
from tests.unit.discovery.trees import Tree, Walked, build, content, context, take_down, walked
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Finding, Share
from workers.discovery.recursive import recursive

NAMES = st.binary(min_size=1, max_size=3).filter(lambda name: not set(name) & set(b"/\0") and name not in {b".", b".."})
TREES: st.SearchStrategy[Tree] = st.dictionaries(
    NAMES, st.recursive(st.none(), lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=12), max_size=5
)


@contextmanager
def built(tree: Tree) -> Generator[tuple[bytes, DiscoveryContext], None, None]:
    folder = os.fsencode(tempfile.mkdtemp())
    try:
        build(folder, tree)
        yield folder, context(folder)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_every_cursor_goes_on_with_exactly_the_rest(tree: Tree) -> None:
    with built(tree) as (folder, ctx):
        whole = walked(ctx, folder)
        assert sorted(whole.paths) == sorted(content(folder, tree))
        assert walked(ctx, folder).paths == whole.paths
        for cursor, count in whole.cursors:
            assert walked(ctx, folder, cursor=cursor).paths == whole.paths[count:]


@settings(max_examples=120, deadline=None)
@given(TREES, st.data())
def test_walks_that_share_and_break_off_find_every_path_once(tree: Tree, data: st.DataObject) -> None:
    with built(tree) as (folder, ctx):
        found: list[tuple[bytes, str]] = []
        waiting: list[tuple[PathList, bytes | None]] = [(PathList([folder]), None)]
        while waiting:
            start, cursor = waiting.pop()
            part, broken_at, shared = one_walk(ctx, start, cursor, data)
            found += part
            waiting += [(share, None) for share in shared]
            if broken_at is not None:
                waiting.append((start, broken_at))
        assert sorted(found) == sorted(content(folder, tree))


def one_walk(
    ctx: DiscoveryContext, start: PathList, cursor: bytes | None, data: st.DataObject
) -> tuple[list[tuple[bytes, str]], bytes | None, list[PathList]]:
    """Walk until it ends or is broken off: what was kept until then, and the cursor that was kept with it."""
    so_far = Walked()
    ctx.idle = data.draw(st.integers(0, 3))
    for finding in recursive(ctx, start, cursor):
        take_down(finding, so_far)
        ctx.idle = data.draw(st.integers(0, 3))
        if so_far.cursors and not so_far.shared and data.draw(st.integers(0, 9)) == 0:
            kept, count = data.draw(st.sampled_from(so_far.cursors))
            return so_far.paths[:count], kept, []
        if so_far.shared and data.draw(st.booleans()):
            # What a Share says is kept with all that came before it, so a walk can only break off behind it.
            kept, count = so_far.cursors[-1]
            return so_far.paths[:count], kept, so_far.shared
    return so_far.paths, None, so_far.shared


def test_several_starts_are_shared_before_their_folders() -> None:
    starts = [b"a", b"b", b"c", b"d"]
    with built({name: {b"x": {b"y": None}, b"z": {}} for name in starts}) as (folder, ctx):
        ctx.idle = 1
        first = walked(ctx, *(folder + b"/" + name for name in starts), before=lambda found, _: share_once(ctx, found))
        assert [part.paths for part in first.shared] == [[folder + b"/d"]]
        assert {path.split(b"/")[-2] for path in first.names if path.endswith(b"/x")} == {b"a", b"b", b"c"}


def share_once(ctx: DiscoveryContext, finding: Finding) -> None:
    if isinstance(finding, Share):
        ctx.idle = 0


def test_a_shared_part_keeps_the_base_it_was_found_under() -> None:
    with built({name: {b"x": None} for name in (b"a", b"b", b"c")}) as (folder, ctx):
        ctx.idle = 2
        shared = walked(ctx, folder, before=lambda found, _: isinstance(found, Share)).shared
        assert [part.paths for part in shared] == [[folder + b"/b"], [folder + b"/c"]]
        ctx.idle = 0
        part = walked(ctx, *shared[0].paths, base=shared[0].base)
        assert part.paths == [(folder + b"/b/x", "f")]
        assert part.bases == {folder}


def test_a_shared_part_that_has_vanished_is_a_trouble_and_breaks_nothing() -> None:
    with built({b"a": {b"x": None}}) as (folder, ctx):
        part = walked(ctx, folder + b"/gone", folder + b"/a", base=folder)
        assert part.troubles == [(folder + b"/gone", "vanished while it was walked", "FileNotFoundError")]
        assert part.paths == [(folder + b"/a/x", "f")]


def test_it_goes_on_where_things_have_vanished_or_appeared_meanwhile() -> None:
    with built({b"a": {b"1": None}, b"m": {b"1": None, b"2": {b"x": None}}, b"z": {b"1": None}}) as (folder, ctx):
        whole = walked(ctx, folder)
        inside = next(cursor for cursor, count in whole.cursors if whole.names[count - 1] == folder + b"/m/2/x")
        shutil.rmtree(folder + b"/m")
        rest = walked(ctx, folder, cursor=inside)
        assert rest.paths == [(folder + b"/z/1", "f")]
        assert rest.troubles == [(folder + b"/m", "vanished while it was walked", "FileNotFoundError")]
        build(folder, {b"n": {b"new": None}})
        assert walked(ctx, folder, cursor=inside).names == [folder + b"/n/new", folder + b"/z/1"]


def test_a_cursor_of_another_kind_is_refused() -> None:
    with built({}) as (folder, ctx), pytest.raises(DiscoveryError, match="not one of a recursive walk"):
        walked(ctx, folder, cursor=b"17")


def test_a_cursor_is_as_long_as_the_tree_is_deep_not_as_it_is_wide() -> None:
    with built({b"%04d" % number: {b"f": None} for number in range(300)}) as (folder, ctx):
        assert max(len(cursor) for cursor, _ in walked(ctx, folder).cursors) < 40
