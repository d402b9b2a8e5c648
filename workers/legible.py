"""Text of whatever origin, made such that it can be sent and stored."""


def legible(text: str, limit: int) -> str:
    """Text that can be sent and stored: halves of surrogate pairs and NUL escaped, cut at ``limit`` characters."""
    safe = text[: limit + 1].encode(errors="backslashreplace").decode().replace("\0", "\\x00")
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def tail(text: str, limit: int) -> str:
    """The last ``limit`` characters, so that they can be sent and stored."""
    return text[-limit:].encode(errors="backslashreplace").decode().replace("\0", "\\x00")[-limit:]
