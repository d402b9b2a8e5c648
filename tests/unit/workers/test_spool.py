"""Notes that are too long to travel: put aside at their site, read there, and nowhere else."""

import os
import time
from pathlib import Path as File
from typing import Any

import pytest

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import PathList, pack, unpack_carry
from orchestrator.contracts.report import Ended
from tests.unit.workers.kept import Kept
from workers import Context, NoteElsewhere, Path
from workers.registry import make_action
from workers.roots import Roots
from workers.runner import Runner
from workers.spool import KEPT_DAYS, Spool
from workers.testing import run_action

LONG = {"found": ["a line of a report"] * 5000}


def step(handler: Any, spool: Spool, carry: bytes | None = None) -> Ended:
    """One task over /a and /b at the site of this spool."""
    order = TaskOrder(64, 1, pack(PathList([b"/a", b"/b"], "ff")), carry=carry)
    kept = Kept()
    parcel = Parcel("p", "s", "default", "worker", "it", 7, 0, {}, [order], 0.0)
    Runner({"it": make_action(handler, "it")}, Roots([]), kept, lambda _: False, spool=spool).run(parcel)
    return next(item for item in kept.items if isinstance(item, Ended))


def reports(ctx: Context, paths: list[Path]) -> None:
    for path in ctx.each(paths):
        with ctx.outcome(path):
            path.note(digest="abc", report=LONG if path.path == "/a" else None)


def test_what_is_long_is_put_aside_and_what_is_short_travels(tmp_path: File) -> None:
    ended = step(reports, Spool(tmp_path / "notes", "london"))
    assert (ended.processed, ended.failed) == (2, 0)
    assert len(ended.carry or b"") < 1000
    notes = unpack_carry(ended.carry).notes
    assert notes[1] == {"digest": "abc", "report": None}
    assert notes[0]["digest"] == "abc"
    about = notes[0]["report"]["$spilled"]
    file = tmp_path / "notes" / about["file"]
    assert (about["site"], about["bytes"]) == ("london", file.stat().st_size)
    assert about["file"].startswith("7-64-1-0-")
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_next_step_reads_it_at_the_same_site(tmp_path: File) -> None:
    def reads(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                assert path.notes["report"] == (LONG if path.path == "/a" else None)
                path.note(lines=len(path.notes["report"]["found"]) if path.path == "/a" else 0)

    spool = Spool(tmp_path, "london")
    carry = step(reports, spool).carry
    second = step(reads, spool, carry)
    assert second.processed == 2
    assert step(reads, spool, second.carry).processed == 2, "and so do those that follow"
    assert unpack_carry(second.carry).notes[0]["lines"] == 5000


def test_at_another_site_only_reading_it_fails(tmp_path: File) -> None:
    def reads(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                assert path.notes["digest"] == "abc"
                if path.path == "/a":
                    len(path.notes["report"])

    def does_not(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            path.note(more=1)
        ctx.done(*paths)

    carry = step(reports, Spool(tmp_path / "london", "london")).carry
    paris = Spool(tmp_path / "paris", "paris")
    ended = step(reads, paris, carry)
    (problem,) = ended.problems
    assert (ended.processed, problem.error_class) == (1, NoteElsewhere.__name__)
    assert problem.message.endswith("was put aside at site london, and this is paris: only short ones travel")
    third = step(does_not, paris, carry)
    assert third.processed == 2
    assert step(reads, Spool(tmp_path / "london", "london"), third.carry).processed == 2, "back where it is"


def test_one_that_is_gone_or_is_another_is_not_taken_for_it(tmp_path: File) -> None:
    spool = Spool(tmp_path, "london")
    reference = spool.put([1, 2], 1, 2, 3, 4)
    assert spool.get("n", reference) == [1, 2]
    file = tmp_path / reference["$spilled"]["file"]
    file.write_bytes(b"[1, 3]")
    with pytest.raises(NoteElsewhere, match="not what it was"):
        spool.get("n", reference)
    file.unlink()
    with pytest.raises(NoteElsewhere, match="a site's hosts have to share it"):
        spool.get("n", reference)
    (tmp_path.parent / "secret.json").write_text("{}")
    for name in ("../secret.json", "/etc/passwd", "1-2-3-4-0123456789abcdef.json/../x", None):
        with pytest.raises(NoteElsewhere, match="not put aside by this site"):
            spool.get("n", {"$spilled": {"site": "london", "file": name}})


def test_what_is_old_is_removed_by_whoever_puts_something_aside(tmp_path: File) -> None:
    spool = Spool(tmp_path, "london")
    old = tmp_path / spool.put(1, 1, 1, 1, 1)["$spilled"]["file"]
    new = tmp_path / spool.put(2, 1, 1, 1, 2)["$spilled"]["file"]
    long_ago = time.time() - (KEPT_DAYS + 1) * 86400
    os.utime(old, (long_ago, long_ago))
    spool.put(3, 1, 1, 1, 3)
    assert old.exists(), "it has looked within the hour"
    os.utime(tmp_path / ".swept", (long_ago, long_ago))
    spool.put(4, 1, 1, 1, 4)
    assert (old.exists(), new.exists()) == (False, True)


def test_where_nothing_can_be_put_aside_the_path_is_failed(tmp_path: File) -> None:
    (tmp_path / "file").touch()
    ended = step(reports, Spool(tmp_path / "file", "london"))
    (problem,) = ended.problems
    assert (ended.processed, problem.error_class) == (1, "BadNotes")
    assert problem.message.startswith("its notes can not travel on: report can not be put aside: ")


def test_many_short_ones_that_are_too_long_together() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            path.note(**{f"note_{number}": number for number in range(2000)})
        ctx.done(*paths)

    result = run_action(handler, ["/a"])
    assert result.outcomes == {"/a": "failed"}
    assert "at most 4096" in result.messages["/a"]


def test_a_test_of_an_action_sees_what_was_noted() -> None:
    result = run_action(reports, ["/a", "/b"])
    assert result.notes["/a"] == {"digest": "abc", "report": LONG}
