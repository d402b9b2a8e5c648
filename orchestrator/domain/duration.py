"""Durations as people write them: ``90``, ``"500ms"``, ``"10m"``, ``"1h30m"``."""

import math
import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST_TEXT = 50

EXPECTED = 'a number of seconds, or a text such as "500ms", "30s", "10m", "1h30m"'


def seconds(duration: object) -> float:
    """The length in seconds, 0 or more; ValueError says what was expected."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        length = _finite(duration)
    elif isinstance(duration, str) and len(duration) <= _LONGEST_TEXT and _WHOLE.fullmatch(duration):
        length = sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(duration))
    else:
        raise ValueError(f"has to be {EXPECTED}")
    if not 0 <= length < math.inf:
        raise ValueError(f"has to be {EXPECTED}, and not negative")
    return length


def _finite(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
