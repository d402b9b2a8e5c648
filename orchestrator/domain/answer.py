"""What people say to a task that waits for them, path by path."""

from enum import StrEnum


class Answer(StrEnum):
    """What becomes of a path."""

    ACCEPT = "accept"  # processed: it goes on
    REJECT = "reject"  # failed, for the reason that is given: it stops here

    @property
    def told(self) -> str:
        """As histories tell it."""
        return "Accepted" if self is Answer.ACCEPT else "Rejected"


class Default(StrEnum):
    """What is taken of a path that nobody has decided in time."""

    ACCEPT = "accept"
    REJECT = "reject"
    HOLD = "hold"  # nothing: the job is held, for somebody to look
