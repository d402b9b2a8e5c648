"""Edits that come in: by pieces, twice at once, cut, or wrong."""

import hashlib
import os
import resource
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.contracts.views import SentEdits
from orchestrator.errors import Conflict, Invalid, Unreachable
from orchestrator.services.receive import Part, Piece, begin, received
from orchestrator.services.workspace import Workspaces

CONTENT = os.urandom(99_999) + b"!"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    found = Workspaces(tmp_path / "workspaces")
    found.make(1)
    return found


def piece(start: int, end: int = len(CONTENT), sha256: str = SHA256) -> Piece:
    return Piece(start, end, len(CONTENT), sha256)


def whole(workspaces: Workspaces, part: Part, content: bytes = CONTENT) -> str | None:
    try:
        for place in range(0, len(content), 30_000):
            part.write(content[place : place + 30_000])
        found = part.end()
        if found is not None:
            size = part.keep(workspaces, 1)
            part.note(SentEdits(size=size, sha256=found, sent_at=datetime.now(UTC), sent_by="ed"))
        return found
    finally:
        part.close()


def test_what_comes_whole_is_the_jobs(workspaces: Workspaces) -> None:
    for content in (CONTENT, b"", b"another"):
        assert whole(workspaces, begin(workspaces, 1, Piece()), content) == hashlib.sha256(content).hexdigest()
        assert (workspaces.folder(1) / "edits").read_bytes() == content
    sent = received(workspaces, 1, None).sent
    assert sent is not None
    assert (sent.size, sent.sha256, sent.sent_by) == (7, hashlib.sha256(b"another").hexdigest(), "ed")
    assert sorted(os.listdir(workspaces.folder(1) / "incoming")) == ["lock", "sent"]


def test_what_a_child_has_merged_is_not_taken_for_what_was_sent(workspaces: Workspaces) -> None:
    whole(workspaces, begin(workspaces, 1, Piece()))
    workspaces.make(2, parent=1)
    (workspaces.folder(2) / "edits").write_bytes(b"corrected")
    workspaces.merge_up(2, 1)
    assert (workspaces.folder(1) / "edits").read_bytes() == b"corrected"
    assert received(workspaces, 1, SHA256).sent is None


def test_what_was_cut_goes_on_where_it_was(workspaces: Workspaces) -> None:
    cut = begin(workspaces, 1, piece(0))
    cut.write(CONTENT[:70_000])
    cut.close()
    assert received(workspaces, 1, SHA256).received == 70_000
    assert received(workspaces, 1, hashlib.sha256(b"another").hexdigest()).received == 0
    with pytest.raises(Conflict, match="70000 bytes are there: go on from there, not from byte 70001"):
        begin(workspaces, 1, piece(70_001))
    middle = begin(workspaces, 1, piece(65_000, 80_000))
    assert whole(workspaces, middle, CONTENT[65_000:80_000]) is None
    assert not (workspaces.folder(1) / "edits").exists()
    assert whole(workspaces, begin(workspaces, 1, piece(80_000)), CONTENT[80_000:]) == SHA256
    assert (workspaces.folder(1) / "edits").read_bytes() == CONTENT
    assert received(workspaces, 1, SHA256).received == 0


def test_without_a_checksum_nothing_stays_of_what_was_cut(workspaces: Workspaces) -> None:
    cut = begin(workspaces, 1, Piece())
    cut.write(CONTENT)
    cut.close()
    assert sorted(os.listdir(workspaces.folder(1) / "incoming")) == ["lock"]
    assert not (workspaces.folder(1) / "edits").exists()


@pytest.mark.parametrize("before", [False, True])
def test_a_wrong_checksum_leaves_what_was_there_before(workspaces: Workspaces, before: bool) -> None:
    if before:
        whole(workspaces, begin(workspaces, 1, Piece()), b"before")
    with pytest.raises(Invalid, match="not what it was to be") as refused:
        whole(workspaces, begin(workspaces, 1, piece(0)), CONTENT[:-1] + b"?")
    assert refused.value.faults[0].place == "header Repr-Digest"
    assert received(workspaces, 1, SHA256).received == 0
    assert (workspaces.folder(1) / "edits").exists() == before


def test_a_body_of_another_length_than_announced_is_refused(workspaces: Workspaces) -> None:
    with pytest.raises(Invalid, match="more than the 50000 bytes"):
        whole(workspaces, begin(workspaces, 1, piece(0, 50_000)))
    with pytest.raises(Invalid, match="less than the 100000 bytes"):
        whole(workspaces, begin(workspaces, 1, piece(0)), CONTENT[:40_000])
    assert received(workspaces, 1, SHA256).received == 40_000


def test_one_comes_in_at_a_time(workspaces: Workspaces) -> None:
    first = begin(workspaces, 1, piece(0))
    for other in (piece(0), Piece(), Piece(sha256="0" * 64)):
        with pytest.raises(Conflict, match="edits of job 1 are just coming in"):
            begin(workspaces, 1, other)
    first.close()
    begin(workspaces, 1, Piece()).close()


def test_a_part_of_another_file_goes_when_one_begins(workspaces: Workspaces) -> None:
    cut = begin(workspaces, 1, piece(0))
    cut.write(CONTENT[:10])
    cut.close()
    begin(workspaces, 1, Piece(sha256="0" * 64)).close()
    assert received(workspaces, 1, SHA256).received == 0


def test_what_comes_in_for_an_earlier_claim_is_not_the_jobs(workspaces: Workspaces) -> None:
    late = begin(workspaces, 1, piece(0))
    workspaces.make(1)
    with pytest.raises(Conflict, match="job 1 was claimed anew"):
        whole(workspaces, late)
    assert not (workspaces.folder(1) / "edits").exists()
    late = begin(workspaces, 1, piece(0))
    workspaces.discard(1)
    with pytest.raises(Conflict, match="job 1 has no workspace"):
        whole(workspaces, late)


def test_where_there_is_no_room_what_had_come_is_kept(workspaces: Workspaces) -> None:
    part = begin(workspaces, 1, piece(0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(Unreachable, match="the edits can not be kept: File too large"):
            part.write(CONTENT)
        with suppress(Unreachable):  # what could not be written yet
            part.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    there = received(workspaces, 1, SHA256).received
    assert 0 < there <= 50_000
    assert whole(workspaces, begin(workspaces, 1, piece(there)), CONTENT[there:]) == SHA256


def test_no_link_is_written_through(workspaces: Workspaces, tmp_path: Path) -> None:
    target = tmp_path / "not yours"
    target.write_text("as it was")
    incoming = workspaces.folder(1) / "incoming"
    incoming.mkdir()
    (incoming / SHA256).symlink_to(target)
    with pytest.raises(Conflict, match="is neither a file nor a folder"):
        begin(workspaces, 1, piece(0))
    (workspaces.folder(1) / "edits").symlink_to(target)
    (incoming / SHA256).unlink()
    assert whole(workspaces, begin(workspaces, 1, piece(0))) == SHA256
    assert not (workspaces.folder(1) / "edits").is_symlink()
    assert target.read_text() == "as it was"
