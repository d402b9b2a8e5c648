"""ETag and If-Match: changing a definition only while it is the one that was read."""

from typing import Annotated

from fastapi import Depends, Header, Response

from orchestrator.errors import Stale

_TAGS = Header(
    max_length=1000, description="change it only if its `ETag` is one of these still (412 if not); `*`: if it is there"
)


class Condition:
    """What a request says of the version that it means; one that says nothing means whichever there is."""

    def __init__(self, tags: str | None, response: Response) -> None:
        self._tags, self._response = tags, response

    def must_be(self, version: object) -> None:
        """Raise Stale unless this is the version that is meant. Whoever asks has the definition locked."""
        if self._tags is None or self._tags.strip() == "*":
            return
        # If-Match compares strongly: a weak tag is none that we gave.
        if tag_of(version) not in [tag.strip() for tag in self._tags.split(",")]:
            raise Stale(f"it has been changed since: it is at ETag {tag_of(version)} now; read it again")

    def tell(self, version: object) -> None:
        """Say which version is answered with."""
        self._response.headers["ETag"] = tag_of(version)


def tag_of(version: object) -> str:
    """The ETag of a version."""
    return f'"{version}"'


async def _condition(response: Response, if_match: Annotated[str | None, _TAGS] = None) -> Condition:
    return Condition(if_match, response)


async def _unconditional(response: Response) -> Condition:
    return Condition(None, response)


IfMatch = Annotated[Condition, Depends(_condition)]
"""For a route that changes a definition: `if_match.must_be(its locked version)`."""
Tagged = Annotated[Condition, Depends(_unconditional)]
"""For a route that answers with one."""
