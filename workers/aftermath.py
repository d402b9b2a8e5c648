"""What is to be said of the tasks of a child that has died: which one it died of, and which are handed back."""

import signal
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.contracts.report import Died, Item, Returned, TaskError
from workers.page import Doing, Entry


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the parent killed a child: for one task, and for that reason."""

    task: int
    attempt: int
    reason: str
    error: TaskError | None = None
    """What a path that was alone is blamed with; None: nothing is."""


def aftermath(
    entries: Iterable[Entry], verdict: Verdict | None, reason: str, blamed: TaskError | None = None
) -> list[Item]:
    """The reports on what had been claimed. ``reason`` is how the child ended, ``blamed`` what ended it, if known.

    What had ended, but of which the hub may not have heard, is run again; it is the cause of death when it was the
    last to run, so that what kills its process just after its end is not run for ever.
    """
    had = [entry for entry in entries if entry.doing is not Doing.CLAIMING]
    running = [entry for entry in had if entry.doing is Doing.RUNNING]
    last = max(running or had, key=lambda entry: entry.begun, default=None)
    items: list[Item] = []
    for entry in had:
        task = (entry.task, entry.attempt)
        if entry is not last or not entry.begun:
            items.append(Returned(*task, reason))
        elif verdict is None:
            items.append(Died(*task, reason, blamed))
        elif task != (verdict.task, verdict.attempt):
            # The one it was meant for has come to its end in the last moment.
            items.append(Returned(*task, f"its process was killed for task {verdict.task}: {verdict.reason}"))
        else:
            items.append(Died(*task, verdict.reason, verdict.error))
    return items


def ended_how(code: int) -> str:
    """How a process ended, in words; a negative code is the signal that killed it."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        return f"its process was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was killed by signal {-code}"
