"""Edits on their way in: a part file that stays when they are cut, and gets its name once they are there whole.

::

    <workspace>/incoming/lock       held by the one request that writes, and freed by the kernel if that dies
                         <sha256>   what has come so far of the file with this checksum
                         sent       what came in whole last: size, checksum, when and by whom

It all belongs to one claim of the job: whoever claims it next begins with nothing.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom, BytesIO

from orchestrator.contracts.views import Edits, SentEdits
from orchestrator.errors import Conflict, Fault, Invalid, Unreachable
from orchestrator.services.workspace import EDITS, INCOMING, SENT, Workspaces
from orchestrator.storage.untrusted import copy_file, inside, open_again, open_file, remove

_LOCK = "lock"
_UNNAMED = "unnamed"
"""The part file of what comes without a checksum: it is never gone on with."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a request brings of a file: the bytes from ``start`` up to, without, ``end``; None: all, however many."""

    start: int = 0
    end: int | None = None
    total: int | None = None
    """The size of the whole file."""
    sha256: str | None = None
    """Of the whole file, in hexadecimal; without it nothing can be gone on with."""


class Part:
    """The part file of the one upload of a job that is under way, open to be written to."""

    def __init__(self, place: int, incoming: int, file: BufferedRandom, piece: Piece, held: ExitStack) -> None:
        self._place, self._incoming, self._file, self._piece, self._held = place, incoming, file, piece, held
        self._at = piece.start

    def write(self, chunk: bytes) -> None:
        """Add what comes next; Invalid for more than was announced."""
        self._at += len(chunk)
        if self._piece.end is not None and self._at > self._piece.end:
            raise Invalid(f"the body has more than the {self._piece.end - self._piece.start} bytes that it announced")
        with _kept():
            self._file.write(chunk)

    def end(self) -> str | None:
        """The piece has come: its file's SHA-256 when that is whole now, else None.

        Invalid for less than was announced, and for a file that is not what it was to be: of that nothing is kept.
        """
        with _kept():
            self._file.flush()
            os.fsync(self._file.fileno())
        if self._piece.end is not None and self._at < self._piece.end:
            raise Invalid(f"the body has less than the {self._piece.end - self._piece.start} bytes that it announced")
        if self._piece.end != self._piece.total:
            return None
        self._file.seek(0)
        found = hashlib.file_digest(self._file, "sha256").hexdigest()
        if self._piece.sha256 not in (None, found):
            remove(self._incoming, _name(self._piece))
            fault = Fault("header Repr-Digest", f"what has come has the SHA-256 {found}, not {self._piece.sha256}")
            raise Invalid("the file is not what it was to be: send it again from its beginning", [fault])
        return found

    def keep(self, workspaces: Workspaces, job: int) -> int:
        """Make it the job's edits; their size. Conflict when the workspace that it came into is no longer the job's."""
        with workspaces.opened(job) as now:
            if not os.path.sameopenfile(now, self._place):
                raise Conflict(f"job {job} was claimed anew while the edits came in")
        os.replace(_name(self._piece), EDITS, src_dir_fd=self._incoming, dst_dir_fd=self._place)
        os.fsync(self._place)
        return self._at

    def note(self, sent: SentEdits) -> None:
        """That it has come in whole is known for good: whoever sends it again may spare it."""
        copy_file(BytesIO(sent.model_dump_json().encode()), self._incoming, SENT)

    def close(self) -> None:
        """Let others write; what has come stays, unless nobody could go on with it."""
        if self._piece.sha256 is None:
            remove(self._incoming, _UNNAMED)
        self._held.close()


def begin(workspaces: Workspaces, job: int, piece: Piece) -> Part:
    """Open the part file at the place where this piece begins; it is the caller's to close.

    Conflict when another request is writing, and when the bytes before this piece are not there.
    """
    with ExitStack() as held:
        place = held.enter_context(workspaces.opened(job))
        incoming = held.enter_context(inside(place, INCOMING, make=True))
        lock = held.enter_context(open_again(incoming, _LOCK))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"edits of job {job} are just coming in: wait until that has ended") from None
        for other in os.listdir(incoming):
            if other not in (_LOCK, SENT, _name(piece)):
                remove(incoming, other)
        file = held.enter_context(open_again(incoming, _name(piece)))
        there = os.fstat(file.fileno()).st_size
        if piece.start > there:
            raise Conflict(f"of this file {there} bytes are there: go on from there, not from byte {piece.start}")
        file.truncate(piece.start)
        file.seek(piece.start)
        return Part(place, incoming, file, piece, held.pop_all())


def received(workspaces: Workspaces, job: int, sha256: str | None) -> Edits:
    """What came in whole last, and how much is there of the file with this checksum; Conflict without a workspace."""
    sent: SentEdits | None = None
    there = 0
    with suppress(FileNotFoundError), workspaces.opened(job, INCOMING) as incoming:
        if sha256 is not None:
            with suppress(FileNotFoundError), open_file(incoming, sha256) as part:
                there = os.fstat(part.fileno()).st_size
        with suppress(FileNotFoundError, ValueError), open_file(incoming, SENT) as file:
            sent = SentEdits.model_validate_json(file.read())
    return Edits(received=there, sent=sent)


@contextmanager
def _kept() -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(f"the edits can not be kept: {error.strerror}") from error


def _name(piece: Piece) -> str:
    return piece.sha256 or _UNNAMED
