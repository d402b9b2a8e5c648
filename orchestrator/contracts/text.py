"""Paths at the edge: bytes inside, in JSON text where they are UTF-8, else text to read and base64 to be exact."""

import base64

from pydantic import BaseModel


class PathText(BaseModel):
    """A path that is not UTF-8: ``path`` to be read (U+FFFD for what is not text), ``path_b64`` the very bytes."""

    path: str
    path_b64: str


def path_text(path: bytes) -> tuple[str, str | None]:
    """The text of a path, and the base64 of its bytes where the text does not say it all."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return path.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}"), _base64(path)
    if "\0" in text:
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}"), _base64(path)
    return text, None


def path_json(path: bytes) -> str | PathText:
    """A path by itself in an answer."""
    text, exact = path_text(path)
    return text if exact is None else PathText(path=text, path_b64=exact)


def path_bytes(path: str | None = None, path_b64: str | None = None) -> bytes:
    """The bytes of a path that was sent as text or as base64; ValueError, saying why, when there is no such path."""
    if (path is None) == (path_b64 is None):
        raise ValueError("give either path or path_b64")
    try:
        exact = path.encode() if path is not None else base64.b64decode(path_b64 or "", validate=True)
    except UnicodeEncodeError:
        raise ValueError("not text: send the bytes as path_b64") from None
    except ValueError as error:
        raise ValueError(f"path_b64 is not base64: {error}") from None
    if not exact:
        raise ValueError("an empty path")
    if b"\0" in exact:
        raise ValueError("a path may not contain NUL")
    return exact


def _base64(path: bytes) -> str:
    return base64.b64encode(path).decode()
