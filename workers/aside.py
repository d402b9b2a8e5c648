"""Making a path's notes short enough to travel: the longest are put aside at the site, until the others fit."""

from dataclasses import dataclass

import msgspec

from orchestrator.domain.storable import storable_faults
from workers.path import Path
from workers.spool import Spool

MAX_NOTES_BYTES = 4096
_SHORT_BYTES = 512
"""What is shorter is not put aside: what would stand for it is not much less."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Where one attempt of a task puts notes aside; without a spool, nowhere."""

    spool: Spool | None = None
    job: int = 0
    task: int = 0
    attempt: int = 0

    def fit(self, path: Path) -> str | None:
        """Put aside what is too long, and say what is wrong with the notes all the same."""
        plain = dict(path.kept_notes)
        for fault in storable_faults(plain):
            return f"{fault.place} {fault.reason}"
        if (whole := _bytes(plain)) <= MAX_NOTES_BYTES:
            return None
        for key in sorted(plain, key=lambda key: _bytes(plain[key]), reverse=True):
            if whole <= MAX_NOTES_BYTES or self.spool is None or _bytes(plain[key]) < _SHORT_BYTES:
                break
            try:
                short = self.spool.put(plain[key], self.job, self.task, self.attempt, path.index)
            except ValueError as error:
                return f"{key}: {error}"
            except OSError as error:
                return f"{key} can not be put aside: {error.strerror}"
            path.note(**{key: short})
            plain[key] = short
            whole = _bytes(plain)
        return f"{whole} bytes, at most {MAX_NOTES_BYTES}" if whole > MAX_NOTES_BYTES else None


def _bytes(value: object) -> int:
    return len(msgspec.msgpack.encode(value))
