"""The steps of an edit job: which there are, how the ending of one is taken, and what follows. Pure.

A step is a run of a workflow (a batch job). A step that its type leaves out counts as good.
"""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.edit_job import CONSEQUENCE, EditEvent, Mode
from orchestrator.domain.kinds import Kind


class Stage(StrEnum):
    """What the system does with an edit job, while it is its turn."""

    EXTRACTING = "extracting"
    EDITING = "editing"
    VALIDATING = "validating"
    RECONCILING = "reconciling"
    COMMITTING = "committing"
    PUBLISHING = "publishing"
    CLEANING = "cleaning"


STEPS: dict[Stage, str] = {
    Stage.EXTRACTING: "extract",
    Stage.EDITING: "edit",
    Stage.VALIDATING: "validate",
    Stage.RECONCILING: "reconcile",
    Stage.COMMITTING: "commit",
    Stage.PUBLISHING: "publish",
    Stage.CLEANING: "cleanup",
}
"""The step that is run at a stage, as job types name it."""


class Verdict(StrEnum):
    """What the ending of a step says."""

    GOOD = "good"
    JUDGED = "judged"  # it did its work, and found something wrong: the failed paths say what
    BROKE = "broke"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step's run has ended."""

    state: str
    discovery: str
    error: int = 0
    """Tasks that ended so; the rest likewise."""
    failure: int = 0
    cancelled: int = 0


def verdict(ending: Ending) -> Verdict:
    """Good is a success; judged where every task that was none has a structured result; all else broke."""
    if ending.state == JobState.SUCCESS:
        return Verdict.GOOD
    whole = ending.state == JobState.FAILURE and ending.discovery == DiscoveryState.CLOSED
    if whole and ending.error and not ending.failure and not ending.cancelled:
        return Verdict.JUDGED
    return Verdict.BROKE


@dataclass(frozen=True, slots=True)
class Situation:
    """What of a job decides on what follows."""

    kind: Kind
    stage: Stage
    mode: str = Mode.MANUAL
    quarantine: bool = False
    """This upload has to be looked at, and has not been approved."""
    publish: bool = False
    tries: int = 0
    """How often it was tried by itself to resolve the conflicts that there are."""
    most_tries: int = 0


@dataclass(frozen=True, slots=True)
class Next:
    """What follows: an event, a stage (None: it is the turn of somebody else), a job for somebody."""

    event: EditEvent | None = None
    stage: Stage | None = None
    child: Kind | None = None
    parent: EditEvent | None = None
    """What happens to the job's own parent."""
    again: bool = False
    """The same step once more, after a while if nothing else was to be done."""


_E = EditEvent


def follows(at: Situation, said: Verdict) -> Next:
    """What follows the ending of the step of the present stage."""
    good = said is Verdict.GOOD
    match at.stage:
        case Stage.EXTRACTING if good and at.kind is Kind.EDIT and at.mode == Mode.BATCH:
            return Next(stage=Stage.EDITING)
        case Stage.EXTRACTING:
            return Next(_E.EXTRACTED if good else _E.STEP_BROKE)
        case Stage.EDITING:
            return Next(_E.EXTRACTED_FOR_EDIT, Stage.VALIDATING) if good else Next(_E.STEP_BROKE)
        case Stage.VALIDATING:
            return _validated(at, said)
        case Stage.RECONCILING:
            return _reconciled(at, said)
        case Stage.COMMITTING if at.kind is Kind.EDIT:
            merged = Next(_E.MERGED, Stage.PUBLISHING if at.publish else Stage.CLEANING)
            return merged if good else Next(_E.COMMIT_BROKE)
        case Stage.COMMITTING:
            return Next(_E.MERGED, Stage.CLEANING) if good else Next(_E.MERGE_BROKE, parent=_E.CHILD_ENDED)
        case Stage.PUBLISHING:
            return Next(_E.PUBLISH_DONE, Stage.CLEANING) if good else Next(_E.STEP_BROKE)
        case Stage.CLEANING:
            return Next(_E.CLEANED_UP, parent=CONSEQUENCE.get(at.kind)) if good else Next(stage=at.stage, again=True)


def _validated(at: Situation, said: Verdict) -> Next:
    rework = at.kind is not Kind.EDIT
    if said is Verdict.BROKE:
        return Next(_E.CHECK_BROKE)
    if said is Verdict.JUDGED:
        return Next(_E.VALIDATION_FAILED, child=None if rework else Kind.CORRECTION)
    if rework:
        return Next(stage=Stage.COMMITTING)
    return Next(_E.VALID_FOR_REVIEW, child=Kind.REVIEW) if at.quarantine else Next(stage=Stage.RECONCILING)


def _reconciled(at: Situation, said: Verdict) -> Next:
    if said is Verdict.BROKE:
        return Next(_E.CHECK_BROKE)
    if said is Verdict.GOOD:
        return Next(stage=Stage.COMMITTING)
    if at.tries < at.most_tries:
        return Next(stage=Stage.RECONCILING, again=True)
    return Next(_E.CONFLICT_FOUND, child=Kind.CONFLICT)
