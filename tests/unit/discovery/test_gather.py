"""Sorting by rules and gathering: full batches, bounded entries, a cursor that fits."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import PathList, unpack
from orchestrator.domain.rules import Rule, RuleSet
from workers.discovery.finding import Listing
from workers.discovery.gather import MOST_BYTES, Gathering, Sorter, chunks


def listing(names: list[bytes], kinds: str = "", folder: bytes = b"/r/", **columns: object) -> Listing:
    return Listing(names, kinds or "f" * len(names), lambda n: b"%d" % n, folder, base=b"/r", **columns)  # type: ignore[arg-type]


Entry = tuple[list[tuple[int, PathList]], bytes]
"""Batches with their rules, and the cursor behind them."""


def gathered(rules: list[RuleOrder], *listings: Listing) -> list[Entry]:
    """The entries that come of it."""
    sorter, gathering, entries, cursor = Sorter(rules), Gathering(rules), [], b""

    def send() -> None:
        batches = gathering.batches()
        assert all(batch.n == len(unpack(batch.paths)) for batch in batches)
        entries.append(([(batch.rule, unpack(batch.paths)) for batch in batches], cursor))
        gathering.clear()

    for found in listings:
        for chunk in chunks(found):
            of, at = sorter.sort(chunk), 0
            while at < len(of):
                at = gathering.add(chunk, of, at)
                cursor = chunk.cursor(at)
                if gathering.full:
                    send()
    if gathering:
        send()
    return entries


@given(
    kinds=st.text("fd", min_size=1, max_size=60),
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_entries_hold_every_path_once_in_order_and_no_batch_too_many(kinds: str, sizes: tuple[int, int]) -> None:
    rules = [RuleOrder(type="file", batch_size=sizes[0]), RuleOrder(type="directory", batch_size=sizes[1])]
    names = [b"%02d" % number for number in range(len(kinds))]
    seen = 0
    for batches, cursor in gathered(rules, listing(names, kinds)):
        assert all(0 < len(paths) <= sizes[rule] for rule, paths in batches)
        here = sorted(path for _, paths in batches for path in paths.paths)
        assert here == [b"/r/" + name for name in names[seen : int(cursor)]]
        assert {kind for _, paths in batches for kind in paths.kinds} == set(kinds[seen : int(cursor)])
        seen = int(cursor)
    assert seen == len(names)


@pytest.mark.parametrize(
    ("batch_size", "found", "entries"),
    [
        (1, [1000], [[1] * 250] * 4),
        (1, [3, 2], [[1] * 3, [1] * 2]),
        (100, [1000], [[100] * 3] * 3 + [[100]]),
        # What does not come to a whole batch waits for what is found next.
        (200, [1100, 100], [[200] * 2, [200] * 2, [200], [200]]),
        (700, [1000, 1000], [[700], [700], [600]]),
        (1000, [999, 1000], [[1000], [999]]),
    ],
)
def test_an_entry_has_as_many_whole_batches_as_are_at_hand(
    batch_size: int, found: list[int], entries: list[list[int]]
) -> None:
    listings = [listing([b"%04d" % n for n in range(count)]) for count in found]
    came = gathered([RuleOrder(batch_size=batch_size)], *listings)
    assert [[len(paths) for _, paths in batches] for batches, _ in came] == entries


def test_small_batches_of_paths_that_alternate_share_an_entry_too() -> None:
    rules = [RuleOrder(type="file", batch_size=1), RuleOrder(type="directory", batch_size=2)]
    [(batches, cursor)] = gathered(rules, listing([b"%02d" % number for number in range(8)], "fdfdfdfd"))
    assert [(rule, len(paths)) for rule, paths in batches] == [(0, 1), (0, 1), (1, 2), (0, 1), (0, 1), (1, 2)]
    assert cursor == b"8"


def test_an_entry_is_bounded_in_bytes_whatever_the_batch_size() -> None:
    entries = gathered([RuleOrder(batch_size=10**6)], listing([b"%05d" % n + b"x" * 3000 for n in range(2000)]))
    sizes = [sum(len(path) for _, paths in batches for path in paths.paths) for batches, _ in entries]
    assert max(sizes) <= MOST_BYTES
    assert min(sizes[:-1]) > MOST_BYTES / 2
    counts = [len(paths) for [(_, paths)], _ in entries]
    assert [int(cursor) for _, cursor in entries] == list(accumulate(counts))
    assert sum(counts) == 2000


def test_paths_that_take_no_rule_are_counted() -> None:
    rules = [RuleOrder(include=["*.tif"])]
    sorter, gathering = Sorter(rules), Gathering(rules)
    chunk = listing([b"a.tif", b"b.txt", b"c.txt"])
    assert gathering.add(chunk, sorter.sort(chunk), 0) == 3
    assert (gathering.unmatched, [batch.n for batch in gathering.batches()]) == (2, [1])


def test_columns_stay_with_their_paths_and_empty_ones_are_left_out() -> None:
    rules = [RuleOrder(state="new"), RuleOrder(state="default")]
    found = listing([b"a", b"b", b"c"], "fd?", states=["new", None, "new"], sizes=[1, None, 0])
    [(batches, _)] = gathered(rules, found)
    assert batches == [
        (0, PathList([b"/r/a", b"/r/c"], "f?", ["new", "new"], [1, 0], b"/r")),
        (1, PathList([b"/r/b"], "d", [], [], b"/r")),
    ]
    [(batches, _)] = gathered([RuleOrder()], listing([b"id 1"], "?", folder=b""))
    assert batches == [(0, PathList([b"id 1"], base=b"/r"))]


@pytest.mark.parametrize(
    "globs",
    [
        ([], []),
        (["*.tif"], []),
        ([], ["*.tif", "*.l"]),
        (["*.tif"], [".*"]),
        (["*.t[i]f"], []),
        (["a/**"], []),
        (["/r/b/*"], ["*x"]),
        (["*"], ["**/a/*"]),
    ],
)
def test_the_fast_ways_of_sorting_agree_with_the_rules(globs: tuple[list[str], list[str]]) -> None:
    include, exclude = globs
    orders = [RuleOrder("file", include=include, exclude=exclude), RuleOrder("directory"), RuleOrder("symlink", "new")]
    rules = RuleSet([Rule(o.type, o.state, o.include, o.exclude) for o in orders])
    names = [b"a", b"b.tif", b".c.tif", b"tif", b"\xff.tif", b"l"]
    for folder in (b"/r/", b"/r/a/", b"/r/b/"):
        found = listing(names, "dfffol", folder)
        expected = [rules.match(folder + name, kind, None, b"/r") for name, kind in zip(names, "dfffol", strict=True)]
        assert Sorter(orders).sort(found) == expected


def test_a_rule_that_makes_no_sense_is_named() -> None:
    with pytest.raises(ValueError, match="glob"):
        Sorter([RuleOrder(include=["[a"])])
