"""Arrays of numbers as PostgreSQL reads them: much faster made at once than by the driver, element by element."""

from collections.abc import Iterable


def array(numbers: Iterable[int] | Iterable[float]) -> str:
    """The text of an array, for a parameter that is cast to one."""
    return "{" + str(list(numbers))[1:-1] + "}"
