"""The package of an edit job, as the person is sent it: its one file as it is, or all its files as one ZIP.

It is put together at the first time, and kept under its checksum, so that a transfer that was cut goes on in the very
same bytes.
"""

import hashlib
import os
import re
import secrets
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.errors import Conflict
from orchestrator.services.workspace import DELIVERY, PACKAGE, Workspaces
from orchestrator.storage.untrusted import copy_file, files, open_file, open_new, remove

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """A package that is ready to be sent; ``file`` is the receiver's to close."""

    file: BinaryIO
    name: str
    size: int
    sha256: bytes


def deliver(workspaces: Workspaces, job: int) -> Delivery:
    """The package of a job; Conflict when there is none, or something in it that can not be sent."""
    try:
        with workspaces.opened(job, PACKAGE) as package, workspaces.opened(job, DELIVERY, make=True) as kept:
            with closing(files(package)) as found:
                names = [name for name, _ in found]
            if not names:
                raise Conflict(f"the package of job {job} is empty")
            alone = len(names) == 1 and "/" not in names[0]
            digest = _known(kept) or _put_together(package, kept, names[0] if alone else None)
            file = open_file(kept, digest)
    except FileNotFoundError:
        raise Conflict(f"job {job} has no package") from None
    size = os.fstat(file.fileno()).st_size
    return Delivery(file, names[0] if alone else f"job-{job}.zip", size, bytes.fromhex(digest))


def _known(kept: int) -> str | None:
    return next((name for name in os.listdir(kept) if _DIGEST.fullmatch(name)), None)


def _put_together(package: int, kept: int, alone: str | None) -> str:
    """Make what is sent, under a name of its own until its checksum is known; two who do so make the same."""
    draft = secrets.token_hex(8)
    try:
        if alone is None:
            _zip(package, kept, draft)
        else:
            with open_file(package, alone) as file:
                copy_file(file, kept, draft)
        with open_file(kept, draft) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.rename(draft, digest, src_dir_fd=kept, dst_dir_fd=kept)
    finally:
        remove(kept, draft)
    return digest


def _zip(package: int, kept: int, name: str) -> None:
    with open_new(kept, name) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, file in files(package):
            try:
                path.encode()
            except UnicodeEncodeError:
                raise Conflict(f"the package has a file whose name is not UTF-8: {path!r}") from None
            with archive.open(_entry(path, file), "w", force_zip64=True) as entry:
                while chunk := file.read(_CHUNK):
                    entry.write(chunk)


def _entry(path: str, file: BinaryIO) -> zipfile.ZipInfo:
    """With the time of the file: the same, however often it is packed."""
    moment = time.gmtime(os.fstat(file.fileno()).st_mtime)[:6]
    first = (1980, 1, 1, 0, 0, 0)  # that a ZIP can tell
    entry = zipfile.ZipInfo(path, max(moment, first))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
