import os
from pathlib import Path

import pytest
import typer

from orchestrator.cli.starts import absolute, read_starts
from orchestrator.client import path_input


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_relative_path_that_names_something_here_is_made_absolute(here: Path) -> None:
    (here / "in").mkdir()
    assert absolute(b"in", walked=False) == os.fsencode(here / "in")
    assert absolute(b"./in/", walked=False) == os.fsencode(here / "in")
    assert absolute(b"elsewhere", walked=False) == b"elsewhere"
    assert absolute(b"elsewhere", walked=True) == os.fsencode(here / "elsewhere")


def test_what_is_absolute_or_a_url_stays_as_it_is(here: Path) -> None:
    for path in (b"/data//in/", b"s3://bucket/key", b""):
        assert absolute(path, walked=True) == path


def test_links_are_left_as_they_are(here: Path) -> None:
    (here / "far").mkdir()
    (here / "link").symlink_to(here / "far")
    (here / "gone").symlink_to(here / "nowhere")
    assert absolute(b"link", walked=False) == os.fsencode(here / "link")
    assert absolute(b"gone", walked=False) == os.fsencode(here / "gone")


def test_a_parent_after_a_link_is_refused_when_it_is_another_folder(here: Path) -> None:
    (here / "far" / "away").mkdir(parents=True)
    (here / "link").symlink_to(here / "far" / "away")
    (here / "near").mkdir()
    assert absolute(b"near/../far", walked=True) == os.fsencode(here / "far")
    with pytest.raises(typer.BadParameter, match="after a link"):
        absolute(b"link/../far", walked=True)


def test_lists_of_paths_keep_every_byte(here: Path) -> None:
    (here / "lines").write_bytes(b"/a b\n\n/caf\xe9\n /c \r\n/last")
    (here / "nuls").write_bytes(b"/a\nb\0\0/c\0")
    assert list(read_starts(["/x"], here / "lines", nul=False, walked=False)) == [
        b"/x", b"/a b", b"/caf\xe9", b" /c \r", b"/last",
    ]  # fmt: skip
    assert list(read_starts([], here / "nuls", nul=True, walked=False)) == [b"/a\nb", b"/c"]


def test_a_list_that_is_not_there_is_wrong_usage(here: Path) -> None:
    with pytest.raises(typer.BadParameter, match="No such file"):
        list(read_starts([], here / "no list", nul=False, walked=False))


def test_a_path_is_sent_as_text_where_it_is_utf8() -> None:
    assert path_input("/a b/🗺️".encode()) == "/a b/🗺️"
    assert path_input(b"/caf\xe9") == {"path_b64": "L2NhZuk="}
    assert path_input(os.fsdecode(b"/caf\xe9")) == {"path_b64": "L2NhZuk="}
