"""Read a moment from the command line: a time, or how long from now."""

from datetime import UTC, datetime, timedelta

from orchestrator.cli.verb import usage
from orchestrator.domain.duration import seconds


def moment_from(said: str, option: str) -> str:
    """The moment as the API takes it: ``2030-01-31T22:00`` (this machine's time unless it names another), or ``2h``."""
    try:
        return datetime.fromisoformat(said).astimezone().isoformat()
    except ValueError:
        pass
    try:
        return (datetime.now(UTC) + timedelta(seconds=seconds(said))).isoformat()
    except (ValueError, OverflowError):
        raise usage(f"{option} {said!r}: give a time such as 2030-01-31T22:00, or how long from now: 90s, 2h") from None
