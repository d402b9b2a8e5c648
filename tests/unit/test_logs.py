"""Logs: lines that programs read, lines that people read, and no secret in either."""

import argparse
import io
import json
import logging
import threading

import pytest

from orchestrator.logs import LogFormat, about, add_log_options, formatter, hide

KEY = "tq_4dtl6yhb_Cly2j8P15IMYbrzVeU1bj8g6gBnTqS-0P-9RuXuYjHA"


def logger(how: LogFormat, **always: object) -> tuple[logging.Logger, io.StringIO]:
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(formatter(how, **always))
    log = logging.getLogger("orchestrator.test")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    return log, told


def test_a_line_of_json_has_what_it_is_about():
    log, told = logger(LogFormat.JSON, site="paris", node="paris.worker@host")
    with about(job=12, task=7360):
        with about(attempt=2):
            log.warning("%s failed\nand why", "it", extra={"task": 7361})
        log.info("on")
    log.info("off")
    first, on, off = map(json.loads, told.getvalue().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "warning", "logger": "orchestrator.test", "message": "it failed\nand why",
        "site": "paris", "node": "paris.worker@host", "job": 12, "task": 7361, "attempt": 2,
    }  # fmt: skip
    assert ("attempt" in on, on["task"], "job" in off) == (False, 7360, False)


def test_a_traceback_is_one_field_of_one_line():
    log, told = logger(LogFormat.JSON)
    try:
        raise ValueError("of postgresql://ann:pa55@db/x")
    except ValueError:
        log.exception("it broke")
    [line] = map(json.loads, told.getvalue().splitlines())
    assert line["error"].endswith("ValueError: of postgresql://***@db/x")
    assert "Traceback" in line["error"]


def test_a_line_for_people():
    log, told = logger(LogFormat.TEXT, site="paris")
    with about(job=12):
        log.info("begun")
    assert told.getvalue()[23:] == " INFO orchestrator.test: begun [site=paris job=12]\n"


def test_what_another_thread_does_is_its_own():
    log, told = logger(LogFormat.JSON)
    with about(job=12):
        thread = threading.Thread(target=lambda: log.info("elsewhere"))
        thread.start()
        thread.join()
    assert "job" not in json.loads(told.getvalue())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("redis://:pa55@host:1/0 and rediss://u:p@h", "redis://***@host:1/0 and rediss://***@h"),
        (f"key {KEY} is known", "key tq_*** is known"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("password=hunter2, secret: 'x y'", "password=***, secret: '*** y'"),
        ('{"api_key": "k1"}', '{"api_key": "***"}'),
        ("http://host/a@b and ann@example.org", "http://host/a@b and ann@example.org"),
        ("the token of the secret service", "the token of the secret service"),
    ],
)
def test_secrets_are_not_told(said: str, shown: str):
    assert hide(said) == shown


@pytest.mark.parametrize(
    ("given", "variable", "found"),
    [([], "", "auto"), ([], "text", "text"), (["--log-format", "json"], "text", "json"), ([], "nonsense", "auto")],
)
def test_how_lines_are_written_is_said_by_option_or_environment(
    given: list[str], variable: str, found: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ORCHESTRATOR_LOG_FORMAT", variable)
    parser = argparse.ArgumentParser()
    add_log_options(parser)
    assert parser.parse_args(given).log_format == found
