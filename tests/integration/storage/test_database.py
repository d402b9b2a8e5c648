"""How the database is reached."""

from sqlalchemy import Engine, text


def test_the_server_finds_out_that_a_host_has_vanished(engine: Engine) -> None:
    """Else the lock of a hub whose host is gone keeps every other hub waiting, for the two hours that TCP takes."""
    found = text("select name, setting::int from pg_settings where name like 'tcp_keepalives_%' or name = :timeout")
    with engine.connect() as connection:
        told = {row.name: row.setting for row in connection.execute(found, {"timeout": "tcp_user_timeout"})}
    quiet_s = told["tcp_keepalives_idle"] + told["tcp_keepalives_interval"] * told["tcp_keepalives_count"]
    assert 0 < quiet_s <= 30
    assert 0 < told["tcp_user_timeout"] <= 30_000
