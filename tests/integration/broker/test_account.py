"""A site's own user at the broker reaches what is its site's, and nothing else."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from orchestrator.broker.account import acl_line, open_account, rules, url_as
from orchestrator.contracts import names
from orchestrator.contracts.claims import CLAIM, claim_call


@pytest.fixture
def london(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url) as admin:
        for site in ("london", "paris"):
            assert open_account(admin, site, f"of {site}"), "the broker keeps it"
        admin.set(names.EPOCH_KEY, 1)
        with Redis.from_url(url_as(redis_url, "london", "of%20london")) as client:
            yield cast(Any, client)


OWN = [
    ("xadd", names.reports_stream("london"), {"d": b"x"}),
    ("xadd", names.batches_stream("london"), {"d": b"x"}),
    ("brpop", "london.default.worker", 1),
    ("brpop", "london.bulk.custom.e2", 1),
    ("hgetall", names.stops_key("london")),
    ("hget", names.queue_epochs_key("london"), "default.worker"),
    ("get", names.EPOCH_KEY),
    ("publish", "/0.celeryev/worker.heartbeat", "x"),
]
OTHERS = [
    ("xadd", names.reports_stream("paris"), {"d": b"x"}),
    ("xadd", names.batches_stream("paris"), {"d": b"x"}),
    ("xadd", names.WAKE_STREAM, {"d": b"x"}),
    ("xlen", names.reports_stream("paris")),
    ("lpush", "paris.default.worker", "x"),
    ("brpop", "paris.default.worker", 1),
    ("brpop", "london2.default.worker", 1),
    ("hgetall", names.handouts_key("paris")),
    ("hset", names.handouts_key("paris"), "p", "claimed"),
    ("hset", names.grants_key("paris"), "1:0", "-1"),
    ("hset", "unacked", "tag", "message"),
    ("sadd", names.SITES_KEY, "paris"),
    ("sadd", names.permits_key("paris"), "1"),
    ("set", names.EPOCH_KEY, 2),
    ("delete", names.EPOCH_KEY),
    ("delete", names.reports_stream("london")),
    ("xtrim", names.reports_stream("paris"), 0),
    ("sunionstore", names.EPOCH_KEY, [names.permits_key("london")]),
    ("zunionstore", names.EPOCH_KEY, [names.permits_key("london")]),
    ("keys", "*"),
    ("flushall",),
    ("config_get", "*"),
    ("acl_list",),
    ("client_list",),
    ("publish", "anything", "x"),
]


@pytest.mark.parametrize("command", OWN, ids=lambda command: " ".join(map(str, command)))
def test_what_is_its_own_it_may_use(london: Any, command: tuple[Any, ...]) -> None:
    getattr(london, command[0])(*command[1:])


@pytest.mark.parametrize("command", OTHERS, ids=lambda command: " ".join(map(str, command)))
def test_all_else_is_refused(london: Any, command: tuple[Any, ...]) -> None:
    with pytest.raises((NoPermissionError, ResponseError), match="permission"):
        getattr(london, command[0])(*command[1:])


def test_a_script_may_do_no_more_than_its_caller(london: Any) -> None:
    for code, keys in (
        (f"return redis.call('xadd', '{names.reports_stream('paris')}', '*', 'd', 'x')", []),
        ("return redis.call('hset', KEYS[1], 'p', 'claimed')", [names.handouts_key("paris")]),
        ("return redis.call('flushall')", []),
    ):
        with pytest.raises(RedisError):
            london.eval(code, len(keys), *keys)


def test_it_claims_its_own_and_nobody_elses(london: Any, redis_url: str) -> None:
    with Redis.from_url(redis_url) as admin:
        for site in ("london", "paris"):
            admin.hset(names.handouts_key(site), "p", "out")
            admin.sadd(names.permits_key(site), 1)
        keys, arguments = claim_call("london", 1, 1, "p")
        assert london.register_script(CLAIM)(keys=keys, args=arguments) == b"won"
        keys, arguments = claim_call("paris", 1, 1, "p")
        with pytest.raises(RedisError):
            london.register_script(CLAIM)(keys=keys, args=arguments)
        assert admin.hget(names.handouts_key("paris"), "p") == b"out"


def test_the_password_is_needed(redis_url: str, london: Any) -> None:
    with Redis.from_url(url_as(redis_url, "london", "wrong")) as client, pytest.raises(AuthenticationError):
        cast(Any, client).ping()


def test_its_rules_are_a_line_of_an_acl_file(redis_url: str, london: Any) -> None:
    with Redis.from_url(redis_url) as admin:
        line = acl_line("london", "of london", fine=False)
        assert "of london" not in line
        known = cast("list[str]", cast(Any, admin).acl_list())
        cast(Any, admin).execute_command("ACL", "SETUSER", *line.split()[1:2], "reset", *line.split()[2:])
        assert cast(Any, admin).acl_list() == known
    assert f"%R~{names.EPOCH_KEY}" in rules("london", "x", fine=True)
