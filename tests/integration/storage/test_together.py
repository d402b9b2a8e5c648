"""Writes that are sent together: in their order, all or nothing, and wrong as every other statement."""

from contextlib import suppress

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from orchestrator.storage.together import GuardFailed, together, write

ADD = text("insert into stream_positions (stream, position) values (:stream, :position)")
MOVE = text("update stream_positions set position = :position where stream = :stream")
READ = text("select position from stream_positions where stream = 'a'")


def add_and_move(engine: Engine, moved: str) -> None:
    with engine.begin() as tx, together(tx):
        write(tx, ADD, {"stream": "a", "position": "1"}, 1)
        write(tx, MOVE, {"stream": moved, "position": "2"}, 1, "moves")


def test_they_are_sent_at_the_end_in_their_order(engine: Engine) -> None:
    with engine.begin() as tx:
        with together(tx):
            write(tx, ADD, {"stream": "a", "position": "1"}, 1)
            write(tx, MOVE, {"stream": "a", "position": "2"}, 1)
            assert tx.execute(READ).scalar() is None
        assert tx.execute(READ).scalar() == "2"
        write(tx, MOVE, {"stream": "a", "position": "3"}, 1)
        assert tx.execute(READ).scalar() == "3", "outside of a block at once"


def test_what_does_not_land_is_said(engine: Engine) -> None:
    with pytest.raises(GuardFailed, match="1 of 1 moves did not land"):
        add_and_move(engine, "b")
    with engine.begin() as tx:
        assert tx.execute(READ).scalar() is None


def test_what_goes_wrong_is_the_error_of_a_statement(engine: Engine) -> None:
    add_and_move(engine, "a")
    with pytest.raises(IntegrityError):
        add_and_move(engine, "a")
    with engine.connect() as tx, engine.begin() as other:
        pid = tx.execute(text("select pg_backend_pid()")).scalar_one()
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError), together(tx):
            write(tx, ADD, {"stream": "a", "position": "1"})
        tx.invalidate()


def test_a_block_that_is_left_by_an_error_writes_nothing(engine: Engine) -> None:
    with engine.begin() as tx:
        with suppress(LookupError), together(tx):
            write(tx, ADD, {"stream": "a", "position": "1"})
            raise LookupError
        assert tx.execute(READ).scalar() is None
        write(tx, ADD, {"stream": "a", "position": "1"}, 1)
