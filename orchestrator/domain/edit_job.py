"""Edit jobs: a person checks data out, edits it, and it is merged under control (design: lifecycles, section 4).

Three machines: that of the edit job itself, and those of the jobs that it waits for. Of rework (kinds ``correction``
and ``conflict``) the edits are merged into those of the parent; of a ``review`` the decision is an event of the parent.
"""

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.domain.people import NOBODY, PLANNERS, PeopleMachine, Relation, Who
from orchestrator.domain.roles import Role


class EditState(StrEnum):
    """Where an edit job stands, or a job that it waits for."""

    PROPOSED = "Proposed"  # the planner's: in nobody's worklist
    ALLOCATED = "Allocated"  # in worklists, ready to be activated
    ACTIVATED = "Activated"  # claimed by one user; its data is being extracted
    PREPARED = "Prepared"  # its package is ready to be downloaded
    DOWNLOADED = "Downloaded"  # its package is with the user, who is editing
    UPLOADED = "Uploaded"  # the edits are in its workspace, and being checked and merged
    INVALID = "Invalid"  # waits for a correction
    QUARANTINED = "Quarantined"  # valid; waits for a review
    CONFLICTED = "Conflicted"  # somebody else changed the same; waits for this to be resolved
    COMMITTED = "Committed"  # merged into the live data
    PUBLISHED = "Published"  # and into what is published
    COMPLETED = "Completed"  # done, and its resources are cleaned up
    ARCHIVED = "Archived"  # kept for the record, and hidden from lists
    ABANDONED = "Abandoned"  # its work was discarded
    FAILED = "Failed"  # a step broke, and there is no state to fall back to


class EditEvent(StrEnum):
    """What can happen to an edit job, or to a job that it waits for."""

    CREATED = "Created"
    CREATED_ALLOCATED = "CreatedAllocated"
    ALLOCATE = "Allocate"
    ACTIVATE = "Activate"
    EXTRACTED = "Extracted"
    EXTRACTED_FOR_EDIT = "ExtractedForEdit"
    STEP_BROKE = "StepBroke"
    DOWNLOAD = "Download"
    UPLOAD = "Upload"
    CLOSE = "Close"
    VALIDATION_FAILED = "ValidationFailed"
    VALID_FOR_REVIEW = "ValidForReview"
    CONFLICT_FOUND = "ConflictFound"
    CHECK_BROKE = "CheckBroke"
    COMMIT_BROKE = "CommitBroke"
    MERGED = "Merged"
    CORRECTED = "Corrected"
    REVIEW_APPROVED = "ReviewApproved"
    CORRECTIONS_REQUIRED = "CorrectionsRequired"
    REVIEW_REJECTED = "ReviewRejected"
    RESOLVED = "Resolved"
    RECALLED = "Recalled"
    CHILD_ENDED = "ChildEnded"
    PUBLISH_DONE = "PublishDone"
    CLEANED_UP = "CleanedUp"
    STEP_RESUMED = "StepResumed"
    STEP_RESUMED_COMMITTED = "StepResumedCommitted"  # the same, of what is merged already
    ARCHIVE = "Archive"
    REVOKE = "Revoke"
    RELINQUISH = "Relinquish"
    ABANDON = "Abandon"
    RETRY = "Retry"
    MERGE_BROKE = "MergeBroke"  # of rework: its edits can not be brought into its parent
    PARENT_ENDED = "ParentEnded"  # its parent no longer waits for it
    PARENT_ARCHIVED = "ParentArchived"


_S, _E = EditState, EditEvent
_CANDIDATE: frozenset[Who] = frozenset({Relation.CANDIDATE})
_HOLDER: frozenset[Who] = frozenset({Relation.HOLDER})
_ADMIN: frozenset[Who] = frozenset({Role.ADMIN})

_WITH_THE_WORKER = [_S.ALLOCATED, _S.PREPARED, _S.DOWNLOADED]
_CLAIMED = [_S.ACTIVATED, _S.PREPARED, _S.DOWNLOADED]
_WAITING = [_S.INVALID, _S.QUARANTINED, _S.CONFLICTED]

EDIT_JOB = PeopleMachine(
    "edit job",
    (_E.CREATED, _S.PROPOSED),
    ([_S.PROPOSED], _E.ALLOCATE, _S.ALLOCATED, PLANNERS),
    ([_S.ALLOCATED], _E.ACTIVATE, _S.ACTIVATED, _CANDIDATE),
    ([_S.ACTIVATED], _E.EXTRACTED, _S.PREPARED, NOBODY),
    ([_S.ACTIVATED], _E.EXTRACTED_FOR_EDIT, _S.UPLOADED, NOBODY),
    ([_S.ACTIVATED], _E.STEP_BROKE, _S.ALLOCATED, NOBODY),
    ([_S.PREPARED], _E.DOWNLOAD, _S.DOWNLOADED, _HOLDER),
    ([_S.DOWNLOADED], _E.UPLOAD, _S.UPLOADED, _HOLDER),
    ([_S.DOWNLOADED], _E.CLOSE, _S.COMPLETED, _HOLDER),
    ([_S.UPLOADED], _E.VALIDATION_FAILED, _S.INVALID, NOBODY),
    ([_S.UPLOADED], _E.VALID_FOR_REVIEW, _S.QUARANTINED, NOBODY),
    ([_S.UPLOADED], _E.CONFLICT_FOUND, _S.CONFLICTED, NOBODY),
    ([_S.UPLOADED], _E.CHECK_BROKE, _S.DOWNLOADED, NOBODY),
    ([_S.UPLOADED], _E.COMMIT_BROKE, _S.FAILED, NOBODY),
    ([_S.UPLOADED], _E.MERGED, _S.COMMITTED, NOBODY),
    ([_S.INVALID], _E.CORRECTED, _S.UPLOADED, NOBODY),
    ([_S.QUARANTINED], _E.REVIEW_APPROVED, _S.UPLOADED, NOBODY),
    ([_S.QUARANTINED], _E.CORRECTIONS_REQUIRED, _S.INVALID, NOBODY),
    ([_S.QUARANTINED], _E.REVIEW_REJECTED, _S.DOWNLOADED, NOBODY),
    ([_S.CONFLICTED], _E.RESOLVED, _S.UPLOADED, NOBODY),
    (_WAITING, _E.RECALLED, _S.DOWNLOADED, PLANNERS),
    (_WAITING, _E.CHILD_ENDED, _S.DOWNLOADED, NOBODY),
    ([_S.COMMITTED], _E.PUBLISH_DONE, _S.PUBLISHED, NOBODY),
    ([_S.COMMITTED, _S.PUBLISHED], _E.CLEANED_UP, _S.COMPLETED, NOBODY),
    ([_S.COMMITTED], _E.STEP_BROKE, _S.FAILED, NOBODY),
    ([_S.FAILED], _E.STEP_RESUMED, _S.UPLOADED, _ADMIN),
    ([_S.FAILED], _E.STEP_RESUMED_COMMITTED, _S.COMMITTED, _ADMIN),
    ([_S.COMPLETED, _S.ABANDONED], _E.ARCHIVE, _S.ARCHIVED, PLANNERS),
    (_WITH_THE_WORKER, _E.REVOKE, _S.PROPOSED, PLANNERS),
    (_CLAIMED, _E.RELINQUISH, _S.ALLOCATED, _HOLDER),
    (_WITH_THE_WORKER, _E.ABANDON, _S.ABANDONED, PLANNERS),
    ([_S.ABANDONED, _S.FAILED], _E.RETRY, _S.ALLOCATED, PLANNERS),
    also=(_E.CREATED_ALLOCATED, _S.ALLOCATED),
    ends={_S.COMPLETED, _S.ABANDONED, _S.ARCHIVED},
)
"""What is done is an end, though it may still be archived, and what was discarded be retried."""

REWORK_JOB = PeopleMachine(
    "rework job",
    (_E.CREATED_ALLOCATED, _S.ALLOCATED),
    ([_S.ALLOCATED], _E.ACTIVATE, _S.ACTIVATED, _CANDIDATE),
    ([_S.ACTIVATED], _E.EXTRACTED, _S.PREPARED, NOBODY),
    ([_S.ACTIVATED], _E.STEP_BROKE, _S.ALLOCATED, NOBODY),
    ([_S.PREPARED], _E.DOWNLOAD, _S.DOWNLOADED, _HOLDER),
    ([_S.DOWNLOADED], _E.UPLOAD, _S.UPLOADED, _HOLDER),
    ([_S.UPLOADED], _E.VALIDATION_FAILED, _S.DOWNLOADED, NOBODY),
    ([_S.UPLOADED], _E.CHECK_BROKE, _S.DOWNLOADED, NOBODY),
    ([_S.UPLOADED], _E.MERGED, _S.COMMITTED, NOBODY),
    ([_S.UPLOADED], _E.MERGE_BROKE, _S.ABANDONED, NOBODY),
    ([_S.COMMITTED], _E.CLEANED_UP, _S.COMPLETED, NOBODY),
    (_CLAIMED, _E.RELINQUISH, _S.ALLOCATED, _HOLDER),
    ([_S.ALLOCATED, *_CLAIMED, _S.UPLOADED, _S.COMMITTED], _E.PARENT_ENDED, _S.ABANDONED, NOBODY),
    ([_S.COMPLETED, _S.ABANDONED], _E.PARENT_ARCHIVED, _S.ARCHIVED, NOBODY),
    ends={_S.COMPLETED, _S.ABANDONED, _S.ARCHIVED},
)
"""What the rules find wrong in it goes back to its worker: it needs no rework of its own."""

REVIEW_JOB = PeopleMachine(
    "review job",
    (_E.CREATED_ALLOCATED, _S.ALLOCATED),
    ([_S.ALLOCATED], _E.ACTIVATE, _S.ACTIVATED, _CANDIDATE),
    ([_S.ACTIVATED], _E.EXTRACTED, _S.PREPARED, NOBODY),
    ([_S.ACTIVATED], _E.STEP_BROKE, _S.ALLOCATED, NOBODY),
    ([_S.PREPARED], _E.DOWNLOAD, _S.DOWNLOADED, _HOLDER),
    (_WITH_THE_WORKER, _E.REVIEW_APPROVED, _S.COMPLETED, _HOLDER),
    (_WITH_THE_WORKER, _E.CORRECTIONS_REQUIRED, _S.COMPLETED, _HOLDER),
    (_WITH_THE_WORKER, _E.REVIEW_REJECTED, _S.COMPLETED, _HOLDER),
    (_CLAIMED, _E.RELINQUISH, _S.ALLOCATED, _HOLDER),
    ([_S.ALLOCATED, *_CLAIMED], _E.PARENT_ENDED, _S.ABANDONED, NOBODY),
    ([_S.COMPLETED, _S.ABANDONED], _E.PARENT_ARCHIVED, _S.ARCHIVED, NOBODY),
    ends={_S.COMPLETED, _S.ABANDONED, _S.ARCHIVED},
)
"""Its reviewer may look at the data, and need not."""


class Mode(StrEnum):
    """How the jobs of a type are worked on."""

    MANUAL = "manual"  # by a person, who downloads a package and uploads the edits
    BATCH = "batch"  # by a workflow, once somebody has activated it
    READ_ONLY = "read_only"  # downloaded, looked at, and closed


def ruled_out(mode: str, *, merged: bool) -> frozenset[EditEvent]:
    """The events that a job's nature rules out; ``merged``: some of it may be in the live data."""
    found = {_E.UPLOAD if mode == Mode.READ_ONLY else _E.CLOSE}
    return frozenset(found | ({_E.RETRY} if merged else set()))


WORKABLE = frozenset(_WITH_THE_WORKER)
"""The states in which it waits for the person whose it is, or may become."""
ANYTIME = frozenset({"due_at", "planned_start", "priority", "comment"})
"""What of a job may be changed until it ends; all else only while it is Proposed, but for who of its group it is of."""
CONSEQUENCE: Mapping[str, EditEvent] = {"correction": _E.CORRECTED, "conflict": _E.RESOLVED}
"""Kind of rework -> what its completion is for the parent."""
