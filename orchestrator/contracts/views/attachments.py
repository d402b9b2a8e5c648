"""Files that belong to jobs."""

from datetime import datetime

from pydantic import BaseModel


class Attachment(BaseModel):
    """A file that belongs to a job."""

    id: int
    job_id: int
    name: str
    media_type: str
    size: int
    sha256: str
    added_by: str
    added_at: datetime
