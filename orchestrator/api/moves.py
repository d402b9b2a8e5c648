"""Word from the database of jobs that have moved on, with the commit that moved them."""

import asyncio
import logging

import psycopg
from sqlalchemy import URL

from orchestrator.api.feed import Moves, Ring

_AGAIN_S = 1.0

log = logging.getLogger(__name__)


def moves_of(url: URL) -> Moves:
    """What rings for each job that changes its state; a hint, so that one that is lost costs a tick and no more."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def moves(ring: Ring) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    address, autocommit=True, application_name="orchestrator api, listening"
                )
                async with connection:
                    await connection.execute("listen job_moved")
                    async for told in connection.notifies():
                        ring(int(told.payload))
            except (psycopg.Error, OSError, ValueError) as error:
                log.info("nobody tells what jobs do: %s", error)
                await asyncio.sleep(_AGAIN_S)

    return moves
