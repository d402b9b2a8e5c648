"""The machines of edit jobs, and of the jobs that these wait for, written down a second time, by hand."""

EDIT_TABLE = """
Proposed     Allocate              Allocated
Allocated    Activate              Activated
Allocated    Revoke                Proposed
Allocated    Abandon               Abandoned
Activated    Extracted             Prepared
Activated    ExtractedForEdit      Uploaded
Activated    StepBroke             Allocated
Activated    Relinquish            Allocated
Prepared     Download              Downloaded
Prepared     Revoke                Proposed
Prepared     Relinquish            Allocated
Prepared     Abandon               Abandoned
Downloaded   Upload                Uploaded
Downloaded   Close                 Completed
Downloaded   Revoke                Proposed
Downloaded   Relinquish            Allocated
Downloaded   Abandon               Abandoned
Uploaded     ValidationFailed      Invalid
Uploaded     ValidForReview        Quarantined
Uploaded     ConflictFound         Conflicted
Uploaded     CheckBroke            Downloaded
Uploaded     CommitBroke           Failed
Uploaded     Merged                Committed
Invalid      Corrected             Uploaded
Invalid      Recalled              Downloaded
Invalid      ChildEnded            Downloaded
Quarantined  ReviewApproved        Uploaded
Quarantined  CorrectionsRequired   Invalid
Quarantined  ReviewRejected        Downloaded
Quarantined  Recalled              Downloaded
Quarantined  ChildEnded            Downloaded
Conflicted   Resolved              Uploaded
Conflicted   Recalled              Downloaded
Conflicted   ChildEnded            Downloaded
Committed    PublishDone           Published
Committed    CleanedUp             Completed
Committed    StepBroke             Failed
Published    CleanedUp             Completed
Failed       StepResumed           Uploaded
Failed       StepResumedCommitted  Committed
Failed       Retry                 Allocated
Completed    Archive               Archived
Abandoned    Archive               Archived
Abandoned    Retry                 Allocated
"""

REWORK_TABLE = """
Allocated   Activate          Activated
Allocated   ParentEnded       Abandoned
Activated   Extracted         Prepared
Activated   StepBroke         Allocated
Activated   Relinquish        Allocated
Activated   ParentEnded       Abandoned
Prepared    Download          Downloaded
Prepared    Relinquish        Allocated
Prepared    ParentEnded       Abandoned
Downloaded  Upload            Uploaded
Downloaded  Relinquish        Allocated
Downloaded  ParentEnded       Abandoned
Uploaded    ValidationFailed  Downloaded
Uploaded    CheckBroke        Downloaded
Uploaded    Merged            Committed
Uploaded    MergeBroke        Abandoned
Uploaded    ParentEnded       Abandoned
Committed   CleanedUp         Completed
Committed   ParentEnded       Abandoned
Completed   ParentArchived    Archived
Abandoned   ParentArchived    Archived
"""

REVIEW_TABLE = """
Allocated   Activate             Activated
Allocated   ReviewApproved       Completed
Allocated   CorrectionsRequired  Completed
Allocated   ReviewRejected       Completed
Allocated   ParentEnded          Abandoned
Activated   Extracted            Prepared
Activated   StepBroke            Allocated
Activated   Relinquish           Allocated
Activated   ParentEnded          Abandoned
Prepared    Download             Downloaded
Prepared    ReviewApproved       Completed
Prepared    CorrectionsRequired  Completed
Prepared    ReviewRejected       Completed
Prepared    Relinquish           Allocated
Prepared    ParentEnded          Abandoned
Downloaded  ReviewApproved       Completed
Downloaded  CorrectionsRequired  Completed
Downloaded  ReviewRejected       Completed
Downloaded  Relinquish           Allocated
Downloaded  ParentEnded          Abandoned
Completed   ParentArchived       Archived
Abandoned   ParentArchived       Archived
"""

EDIT_WHO = {
    "Allocate": "admin planner",
    "Activate": "candidate",
    "Download": "holder",
    "Upload": "holder",
    "Close": "holder",
    "Relinquish": "holder",
    "Revoke": "admin planner",
    "Abandon": "admin planner",
    "Retry": "admin planner",
    "Recalled": "admin planner",
    "Archive": "admin planner",
    "StepResumed": "admin",
    "StepResumedCommitted": "admin",
}
REWORK_WHO = {name: EDIT_WHO[name] for name in ("Activate", "Download", "Upload", "Relinquish")}
REVIEW_WHO = {**REWORK_WHO, **dict.fromkeys(("ReviewApproved", "CorrectionsRequired", "ReviewRejected"), "holder")}
"""Who may fire what; what is not here is the system's own."""
