"""Listing a store in the order of its names, a page at a time: what was listed last is all there is to remember."""

from collections.abc import Iterator
from typing import Any

PAGE = 1000
_S3 = frozenset({"s3", "s3a"})

Info = dict[str, Any]
"""What fsspec says of an object: ``name``, ``type``, ``size`` and more."""


def pages(fs: Any, scheme: str, folder: str, after: str) -> Iterator[list[Info]]:
    """All objects below a folder, those after one name if it is given, sorted by their whole names.

    An object whose name ends with a slash stands for a folder, and is left out.
    """
    return _s3_pages(fs, folder, after) if scheme in _S3 else _paged(_walk(fs, folder.rstrip("/"), after))


def _s3_pages(fs: Any, folder: str, after: str) -> Iterator[list[Info]]:
    """S3 lists by name, from a name on, by itself: no more than a page is ever in memory, however flat a bucket is."""
    bucket, _, prefix = folder.partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    last = after.removeprefix(f"{bucket}/")
    while True:
        answer = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, StartAfter=last, MaxKeys=PAGE)
        found = [
            {
                "name": f"{bucket}/{one['Key']}",
                "type": "file",
                "size": one["Size"],
                "mtime": one["LastModified"],
                "etag": one.get("ETag"),
            }
            for one in answer.get("Contents", ())
        ]
        if page := [info for info in found if not info["name"].endswith("/")]:
            yield page
        if not answer.get("IsTruncated") or not found:
            return
        last = found[-1]["name"].removeprefix(f"{bucket}/")


def _walk(fs: Any, folder: str, after: str) -> Iterator[Info]:
    """Folder by folder. With a slash behind their names folders stand where what is in them has its place."""
    ahead = [iter(_sorted(fs, folder))]
    while ahead:
        for info in ahead[-1]:
            name = str(info["name"])
            if info["type"] != "directory":
                if name > after:
                    yield info
            elif name + "/" > after or after.startswith(name + "/"):
                ahead.append(iter(_sorted(fs, name)))
                break
        else:
            ahead.pop()


def _sorted(fs: Any, folder: str) -> list[Info]:
    found: list[Info] = [info for info in fs.ls(folder, detail=True) if info["name"].rstrip("/") != folder]
    for info in found:
        info["name"] = info["name"].rstrip("/")
    return sorted(found, key=lambda info: info["name"] + ("/" if info["type"] == "directory" else ""))


def _paged(infos: Iterator[Info]) -> Iterator[list[Info]]:
    page: list[Info] = []
    for info in infos:
        page.append(info)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
