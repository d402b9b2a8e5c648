import pytest

from orchestrator.domain.walked import Walked


@pytest.mark.parametrize(
    "folder",
    [b"/data/a", b"/data/a/", b"/data/a/b/c", b"/data", b"/", b"//data//./a", b"/x/../data/a", b"relative", b""],
)
def test_what_is_made_there_may_be_found(folder: bytes) -> None:
    assert Walked([b"/data/a", b"/data/c/"]).shows(folder)


@pytest.mark.parametrize(
    "folder", [b"/data/b", b"/data/ab", b"/dat", b"/data/a-", b"/data/a!/x", b"/data/a/../b", b"/x"]
)
def test_what_is_made_there_is_not_found(folder: bytes) -> None:
    assert not Walked([b"/data/a", b"/data/c/"]).shows(folder)


def test_everything_lies_below_the_root() -> None:
    assert Walked([b"/"]).shows(b"/anything")


def test_nobody_can_tell_for_what_is_no_path() -> None:
    assert Walked([b"tape 17"]).shows(b"/anything")


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        (b"s3://b/data/a", True), (b"s3://b/data/a/x/", True), (b"s3://b/", True), (b"s3://b", True),
        (b"s3://b/data/ab", False), (b"s3://c/data/a", False), (b"/data/a", False), (b"tape 17", True),
    ],
)  # fmt: skip
def test_what_is_made_in_a_store_is_found_there(folder: bytes, shown: bool) -> None:
    assert Walked([b"s3://b/data/a/"]).shows(folder) == shown


def test_nothing_is_found_where_nothing_is_walked() -> None:
    assert not Walked().shows(b"/")
