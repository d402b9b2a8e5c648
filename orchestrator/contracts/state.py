"""The state of a job of any kind, in every body, answer, event and filter: a word of its machine, in one spelling."""

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.domain.kinds import STATES

_KNOWN = frozenset(STATES)


def _known(state: str) -> str:
    if state not in _KNOWN:
        raise ValueError(f"has to be one of {', '.join(STATES)}")
    return state


State = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(STATES)})]
