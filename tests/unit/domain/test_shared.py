"""What failed paths share: a cause that is planted stands out, and what all have does not."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.shared import Sample, shared
from orchestrator.domain.trait import MOST_WINDOWS, Trait, Windows, of_path, of_size, of_worker


def test_a_name_tells_its_extension_and_its_folders():
    assert list(of_path(b"/data/in/a.TIF")) == [
        (Trait.EXTENSION, ".tif"),
        (Trait.FOLDER, "/"),
        (Trait.FOLDER, "/data/"),
        (Trait.FOLDER, "/data/in/"),
    ]
    assert list(of_path(b"README")) == [(Trait.EXTENSION, "none")]
    assert dict(of_path(b"/.hidden"))[Trait.EXTENSION] == "none"
    assert list(of_path(b"s3://bucket/a.b.gz"))[-1] == (Trait.FOLDER, "s3://bucket/")
    assert list(of_path(b"/\xff/x"))[-1] == (Trait.FOLDER, "/\udcff/")


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "empty"), (1, "0 to 4 KiB"), (4096, "0 to 4 KiB"), (4097, "4 KiB to 64 KiB"), (2**60, "more than 64 GiB")],
)
def test_a_size_is_in_one_range(size: int, told: str):
    assert of_size(size) == (Trait.SIZE, told)


def test_a_worker_is_on_a_host():
    assert list(of_worker("london.worker@h1")) == [(Trait.WORKER, "london.worker@h1"), (Trait.HOST, "h1")]
    assert list(of_worker("ann")) == [(Trait.WORKER, "ann")]


@given(st.integers(0, 10**8), st.integers(0, 10**6))
def test_every_moment_is_in_one_of_few_windows(length_s: int, after_s: int):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    windows = Windows(start, start + timedelta(seconds=length_s))
    begin, end = (datetime.fromisoformat(one) for one in windows.of(start + timedelta(seconds=after_s))[1].split("/"))
    assert begin <= start + timedelta(seconds=after_s) < end
    assert length_s / windows.width_s <= MOST_WINDOWS or windows.width_s == 7 * 24 * 3600


def made(planted: str, seed: int) -> tuple[Sample, Sample]:
    """Ten thousand paths, of which almost all that have the planted trait failed, and few others."""
    chance = random.Random(seed)
    failed, every = Sample(), Sample()
    for number in range(10_000):
        having = [
            *of_path(
                b"/data/%d/%d/f.%s" % (chance.randrange(4), chance.randrange(10), chance.choice([b"tif", b"jpg"]))
            ),
            *of_worker(f"paris.worker@h{chance.randrange(8)}"),
            of_size(chance.choice([10, 10_000, 10_000_000])),
        ]
        every.add(having)
        if (any(value == planted for _, value in having) and number % 10) or not number % 500:
            failed.add(having)
    return failed, every


@pytest.mark.parametrize("planted", ["h3", "/data/2/7/", ".jpg", "1 MiB to 16 MiB"])
def test_the_planted_cause_comes_first(planted: str):
    items = shared(*made(planted, 7))
    # A worker is on one host here: both say the same.
    assert planted in {items[0].value, items[1].value}
    assert items[0].lift > 1.5
    assert items[0].share > 0.9
    assert all(one.failed <= one.all and one.all <= one.all_known for one in items)
    others = [one for one in items if planted.strip("/").split("/")[0] not in one.value and one.trait != "worker"]
    assert all(one.lift < 1.5 for one in others if one.share > 0.5)


def test_a_folder_is_not_told_besides_the_one_in_it_that_says_more():
    failed, every = Sample(), Sample()
    for number in range(100):
        having = list(of_path(b"/data/%d/in/f.tif" % (number % 4)))
        every.add(having)
        if number % 4 == 1:
            failed.add(having)
    folders = [one for one in shared(failed, every) if one.trait is Trait.FOLDER]
    assert [(one.value, one.failed, one.all, one.lift) for one in folders] == [("/data/1/in/", 25, 25, 4.0)]


def test_a_sample_stands_for_the_whole():
    failed, every = Sample(), Sample()
    failed.add([(Trait.HOST, "h1")], 3)
    every.add([(Trait.HOST, "h1")], 10)
    every.add([(Trait.HOST, "h2")], 90)
    [only] = shared(failed, every, scale=2)
    assert (only.failed, only.failed_known, only.all, only.all_known, only.lift) == (6, 6, 10, 100, 10.0)


def test_nothing_failed_and_nothing_known():
    assert shared(Sample(), Sample()) == []
    missed = Sample()
    missed.add([(Trait.HOST, "h1")])
    assert [(one.all, one.lift) for one in shared(missed, Sample())] == [(1, 1.0)]
