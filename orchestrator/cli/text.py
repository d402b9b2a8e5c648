"""Make text from elsewhere safe to show: a file's name may hold escape sequences that would drive the terminal."""

import base64
import binascii
import os
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_HARMLESS = {"\u200d", "\u200c"}
"""Format characters that only join or part letters: emoji and many scripts need them."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that act on the terminal, reorder the line, or show as nothing."""


def safe(text: str) -> str:
    r"""The text on one line, with control, bidirectional and undecodable characters written as escapes.

    A byte that is not UTF-8 (a lone surrogate, as ``os.fsdecode`` makes it) becomes ``\xNN``.
    """
    return "".join(char if _shows(char) else _escape(char) for char in text)


def _shows(char: str) -> bool:
    return char in _HARMLESS or unicodedata.category(char) not in _HIDDEN


def _escape(char: str) -> str:
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def path(item: Mapping[str, Any] | str) -> str:
    """A path of an answer as it can be shown: its own bytes where the answer has them, never U+FFFD for them."""
    if isinstance(item, str):
        return safe(item)
    try:
        raw = base64.b64decode(item["path_b64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return safe(str(item.get("path", "")))
    return safe(os.fsdecode(raw))


def step(place: int | None) -> str:
    """A place in a chain, or discovery where it is none."""
    return "discovery" if place is None else str(place)


def number(value: float | None) -> str:
    """A count with thousands set apart, or a dash where there is none."""
    return "-" if value is None else f"{value:,.0f}"


def size(count: float) -> str:
    """Bytes as a person says them: ``512 B``, ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: ``0.8s``, ``42s``, ``3m 05s``, ``2h 04m``, ``3d 01h``."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    for unit, below, name, small in ((60, 3600, "m", "s"), (3600, 86400, "h", "m"), (86400, None, "d", "h")):
        if whole < 60:
            return f"{whole}s"
        if below is None or whole < below:
            lesser = {"s": 1, "m": 60, "h": 3600}[small]
            return f"{whole // unit}{name} {whole % unit // lesser:02d}{small}"
    raise AssertionError("the last unit takes every length")


def moment(value: str | None) -> datetime | None:
    """An RFC 3339 time of an answer, None for none."""
    return datetime.fromisoformat(value) if value else None


def when(value: str | None) -> str:
    """An RFC 3339 time in this machine's zone, to the second, or a dash."""
    at = moment(value)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "-"
