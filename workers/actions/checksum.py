"""``fs.checksum``: the digest of every file, noted on its path."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from workers.actions.source import chunks, open_source
from workers.context import Context
from workers.path import Path
from workers.registry import action

Algorithm = Literal["sha256", "sha512", "sha3_256", "blake2b", "blake2s", "sha1", "md5"]


@action("fs.checksum")
def checksum(
    ctx: Context,
    paths: list[Path],
    *,
    algorithm: Annotated[Algorithm, Field(description="how the digest is computed")] = "sha256",
) -> None:
    """Read every file and note its digest: ``algorithm`` and ``digest`` (hexadecimal)."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            file = open_source(ctx, path)
            if file is None:
                continue
            with file:
                digest = hashlib.new(algorithm, usedforsecurity=False)
                for chunk in chunks(ctx, file):
                    digest.update(chunk)
            path.note(algorithm=algorithm, digest=digest.hexdigest())
