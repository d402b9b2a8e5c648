"""The fixtures that every integration test stands on."""

import redis
from sqlalchemy import Engine, inspect, text

from orchestrator.storage.tables import metadata


def test_a_database_is_migrated_and_empty(engine: Engine) -> None:
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (x int)"))


def test_a_database_is_the_tests_own(engine: Engine) -> None:
    assert "only_here" not in inspect(engine).get_table_names()


def test_redis_is_emptied_first(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_redis_is_emptied_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
