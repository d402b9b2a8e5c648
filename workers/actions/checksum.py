"""``fs.checksum``: the digest of every file, noted on its path, and kept beside it when that is asked for."""

import os
from typing import Annotated

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.copying import write_all
from workers.actions.digests import Algorithm, digest_of, is_sidecar, line_of
from workers.actions.part import part_of
from workers.actions.source import open_source
from workers.context import Context
from workers.path import Path
from workers.registry import action


@action("fs.checksum", version="2", changes=["sidecar"])
def checksum(
    ctx: Context,
    paths: list[Path],
    *,
    algorithm: Annotated[Algorithm, Field(description="how the digest is computed")] = "sha256",
    sidecar: Annotated[bool, Field(description="keep it in a file beside, such as scan.tif.sha256")] = False,
) -> None:
    """Read every file and note its digest: ``algorithm`` and ``digest`` (hexadecimal)."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if sidecar and is_sidecar(ctx, path):
                ctx.skip(path, "is the digest of another file")
                continue
            file = open_source(ctx, path)
            if file is None:
                continue
            with file:
                digest = digest_of(ctx, file, algorithm)
            if sidecar:
                _keep(ctx, path, f".{algorithm}".encode(), digest)
            path.note(algorithm=algorithm, digest=digest)


def _keep(ctx: Context, path: Path, suffix: bytes, digest: str) -> None:
    folder_name, name = os.path.split(path.raw)
    if is_url(path.raw):
        with ctx.roots.stores.write(path.raw + suffix) as file:
            file.write(line_of(digest, name))
        return
    with ctx.roots.folder(folder_name, write=True) as folder, part_of(name + suffix, folder) as part:
        part.file.truncate(0)
        write_all(part.file, line_of(digest, name))
        os.fchmod(part.file.fileno(), 0o644)
        part.publish(replace=True)
