"""What people may do with a task that waits for them, as events of the API."""

from sqlalchemy import Connection

from orchestrator.contracts.answer import AnswerAsked, Said
from orchestrator.domain.answer import Answer
from orchestrator.errors import NotFound
from orchestrator.services.answer import answer
from orchestrator.services.claim import CLAIM, GIVE_BACK, claim, give_back
from orchestrator.services.fire import Read
from orchestrator.services.keys import Caller


def fire_at_task(tx: Connection, task: int, event: str, who: Caller, read: Read) -> None:
    """Fire an event; answers come in the order 403, 404, 409, 422."""
    match event:
        case "claim":
            claim(tx, task, who, lambda: read(Said))
        case "give-back":
            give_back(tx, task, who, lambda: read(Said))
        case "accept" | "reject":
            answer(tx, task, who, Answer(event), lambda: read(AnswerAsked))
        case _:
            known = ", ".join((CLAIM, *Answer, GIVE_BACK))
            raise NotFound(f"nothing that people can do with a task is called {event!r}: it is one of {known}")
