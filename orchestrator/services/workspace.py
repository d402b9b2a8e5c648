"""The workspaces of edit jobs: where their data is while people and steps work on it.

::

    <root>/<job>/<claim>/   a new one at every claim: who still works for an earlier one can not write into it
        package/            what the step `extract` puts there for the person
        edits               the file that the person sent last
        ...                 what else the steps keep there
    <root>/discarded/       about to be removed

The root is within the roots of the sites whose workflows are the steps. What they write is not trusted: no link in a
workspace is followed.
"""

import logging
import os
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Conflict, Unreachable
from orchestrator.storage.untrusted import copy_file, files, folder, inside, open_file, remove, remove_tree

log = logging.getLogger(__name__)

PACKAGE, EDITS, INCOMING, DELIVERY = "package", "edits", "incoming", "delivery"
SENT = "sent"
"""In ``incoming``: what is known of the file that came in whole last."""
_OURS = frozenset({INCOMING, DELIVERY})
"""What of a workspace is the API's, and no part of the data."""
_DISCARDED = "discarded"
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Workspaces:
    """All of them. Unreachable when their file system is (a share, mostly); Conflict for a job that has none."""

    root: Path

    def folder(self, job: int) -> Path:
        """The workspace of a job."""
        with _reachable(self.root), suppress(FileNotFoundError):
            for claim in os.listdir(self.root / str(job)):
                return self.root / str(job) / claim
        raise Conflict(f"job {job} has no workspace")

    @contextmanager
    def opened(self, job: int, *names: str, make: bool = False) -> Generator[int, None, None]:
        """The workspace of a job, or a folder in it, as a ``dir_fd``; FileNotFoundError where it lacks that folder."""
        claim = self.folder(job).name
        with _reachable(self.root), folder(self.root, str(job), claim, *names, make=make) as fd:
            yield fd

    def make(self, job: int, parent: int | None = None) -> Path:
        """A new workspace, in place of the one that there may be; a child's begins as a copy of its parent's.

        In the package of a child is beside what its parent's has, as ``edits``, what was sent last.
        """
        self.discard(job)
        with _reachable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with folder(self.root, str(job), secrets.token_hex(8), PACKAGE, make=True):
                pass
        if parent is not None:
            self._copy(parent, job)
        return self.folder(job)

    def discard(self, job: int) -> None:
        """Remove the workspace of a job, if it has one. Who is writing into it now writes to nowhere."""
        with _reachable(self.root), suppress(FileNotFoundError), folder(self.root, _DISCARDED, make=True) as discarded:
            gone = secrets.token_hex(8)
            os.rename(self.root / str(job), gone, dst_dir_fd=discarded)
            _remove(discarded, gone)

    def merge_up(self, child: int, parent: int) -> None:
        """Make the edits of a child those of its parent: whole, or not at all. Repeatable."""
        with self.opened(child) as source, self.opened(parent) as target:
            try:
                edits = open_file(source, EDITS)
            except FileNotFoundError:
                raise Conflict(f"job {child} has no edits that could be merged into job {parent}") from None
            with edits:
                copy_file(edits, target, EDITS)
            with suppress(FileNotFoundError), inside(target, INCOMING) as incoming:
                remove(incoming, SENT)  # who sends the same again means it

    def jobs(self) -> list[int]:
        """The jobs that have one."""
        with _reachable(self.root), suppress(FileNotFoundError):
            return sorted(int(name) for name in os.listdir(self.root) if _NUMBER.fullmatch(name))
        return []

    def empty_discarded(self) -> None:
        """Remove what could not be removed when it was discarded."""
        with _reachable(self.root), suppress(FileNotFoundError), folder(self.root, _DISCARDED) as discarded:
            for name in os.listdir(discarded):
                _remove(discarded, name)

    def _copy(self, parent: int, child: int) -> None:
        with self.opened(parent) as origin:
            for path, file in files(origin):
                *above, name = path.split("/")
                if not above or above[0] not in _OURS:
                    with self.opened(child, *above, make=True) as place:
                        copy_file(file, place, name)
            with suppress(FileNotFoundError), open_file(origin, EDITS) as edits, self.opened(child, PACKAGE) as place:
                copy_file(edits, place, EDITS)


@contextmanager
def _reachable(root: Path) -> Generator[None, None, None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreachable(f"the workspaces in {root} can not be reached: {error} (ORCHESTRATOR_WORKSPACES)") from error


def _remove(discarded: int, name: str) -> None:
    """What can not be removed now (a step that was told to stop still writes) is left for the next sweep."""
    try:
        remove_tree(discarded, name)
    except OSError as error:
        log.warning("a workspace that was discarded is removed later: %s", error)
