"""What the command line does without any service: usage, files, exit codes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.main import SUBJECTS, make_app
from tests.unit.client.stage import Play, answer, staged

COMMANDS = [
    "up", "down", "demo", "submit", "stream", "jobs", "job", "watch", "events", "tasks", "errors", "paths", "history",
    "workflows",
    "workflow apply", "workflow import", "workflow export", "workflow show", "workflow versions", "workflow diff",
    "workflow schema", "workflow delete", "workflow validate",
    "schedule list", "schedule add", "schedule apply", "schedule show", "schedule firings", "schedule run",
    "schedule pause",
    "schedule resume", "schedule delete", "forecast",
    "sites", "site show", "site new",
    "site key", "site enable", "site disable", "site drain", "site restart",
    "plugin new", "logs", "task", "export",
    "change", "pause", "resume", "cancel", "redrive", "retry", "why", "hold add", "hold list", "hold release",
    "worklist", "do", "package", "edits",
    "attachment add", "attachment list", "attachment fetch", "attachment delete",
    "webhook add", "webhook list", "webhook dead", "webhook send", "webhook delete",
    "worker", "key create", "key list", "key rotate", "key revoke", "audit", "user create", "user list", "user groups",
    "user change", "user delete", "user add-to", "user delete-group",
    "group define", "group list", "group show", "group delete",
    "group start", "group tasks", "group task-list",
    "job-type apply", "job-type list", "job-type show", "job-type versions", "job-type delete",
    "edit new", "edit delete", "edit archive",
    "group next-task", "group task-job", "group task-status", "group insert", "group cancel-remaining", "group report",
    "db migrate", "db prune", "doctor", "chaos", "completion",
]  # fmt: skip


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def orchestrator(*arguments: str, home: Path, **variables: str) -> Done:
    """The command line in this process, with a clean environment."""
    settings = {name: None for name in os.environ if name.startswith("ORCHESTRATOR_")}
    runner = CliRunner(env={**settings, "ORCHESTRATOR_HOME": str(home), "COLUMNS": "200", **variables})
    done = runner.invoke(make_app(), arguments)
    return Done(done.exit_code, done.stdout, done.stderr)


def test_every_command_explains_itself(tmp_path: Path) -> None:
    for command in COMMANDS:
        shown = orchestrator(*command.split(), "--help", home=tmp_path)
        assert shown.returncode == 0, command
        for option in ("--url", "--key", "--home", "--json"):
            assert option in shown.stdout, command


def test_without_a_service_the_remedy_is_told(tmp_path: Path) -> None:
    done = orchestrator("jobs", home=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == (
        "orchestrator: no service is running here: start one with `orchestrator up`, "
        "or set ORCHESTRATOR_URL and ORCHESTRATOR_KEY\n"
    )


def test_a_service_that_does_not_answer_is_exit_code_3(tmp_path: Path) -> None:
    done = orchestrator("--url", "http://127.0.0.1:1", "job", "1", "--key", "k", home=tmp_path)
    assert done.returncode == 3
    assert "no answer from http://127.0.0.1:1" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["jobs", "--nonsense"],
        ["job", "twelve"],
        ["watch", "1", "--site", "london"],
        ["errors", "1", "--since", "2026-01-31"],
        ["export", "1", "--output", "ledger.xls"],
        ["export", "1", "--output", "ledger.csv", "--parquet", "ledger.parquet"],
        ["job", "0"],
        ["submit", "w", "--site", "london"],
        ["submit", "w", "/x"],
        ["submit", "w", "/x", "--site", "london", "--priority", "10"],
        ["submit", "w", "/x", "--site", "london", "--deadline", "soon"],
        ["redrive", "1", "--include", "Success"],
        ["hold", "add", "--reason", "x"],
        ["pause"],
        ["pause", "1", "--where", "state=Started"],
        ["cancel", "--where", "state"],
        ["cancel", "--where", "colour=red"],
        ["cancel", "--where", "created_before=soon"],
        ["resume", "--where", "parent=1", "--where", "parent=2"],
        ["redrive", "1", "2", "--watch"],
        ["hold", "add", "--reason", "x", "--site", "london", "--where", "state=Started"],
        ["hold", "release"],
        ["change", "1"],
        ["submit", "w", "/x", "--file", "jobs.ndjson"],
        ["submit", "--file", "no such file"],
        ["attachment", "add", "1", "no such file"],
        ["do", "1"],
        ["do", "1", "claim"],
        ["hold", "add", "--reason", "x", "--job", "1", "--until", "never"],
        ["jobs", "--state", "Startled"],
        ["worker"],
        ["worker", "--config", "no.toml"],
        ["worker", "--config", "pyproject.toml", "--queue", "default"],
        ["workflow", "apply", "no such file.yaml"],
        ["workflow", "apply", "--shipped", "../copy"],
        ["site", "key", "../x"],
        ["demo", "/no such folder"],
        ["up", "--root", "/no such folder"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = orchestrator(*arguments, home=tmp_path)
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize("content", ["a: [", "- a\n- b\n", "label: no name\n", "name: ''\n", "\x00"])
def test_a_file_that_is_no_definition_is_refused_before_it_is_sent(content: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    done = orchestrator("workflow", "apply", str(file), home=tmp_path)
    assert done.returncode == 2
    assert str(file) in done.stderr


def test_a_site_key_follows_from_the_secret(tmp_path: Path) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    keys = [
        orchestrator("site", "key", name, "--json", home=tmp_path, ORCHESTRATOR_SECRET=secret).stdout
        for name in ("oslo", "oslo", "bergen")
    ]
    assert keys[0] == keys[1] != keys[2]
    assert len(bytes.fromhex(json.loads(keys[0])["key"])) == 32


def test_a_setting_that_can_not_work_is_named(tmp_path: Path) -> None:
    done = orchestrator("jobs", home=tmp_path, ORCHESTRATOR_URL="ftp://x")
    assert done.returncode == 1
    assert "ORCHESTRATOR_URL" in done.stderr


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    done = orchestrator(
        "doctor", "--json", home=home, ORCHESTRATOR_DATABASE_URL="postgresql://x:secret-word@127.0.0.1:1/x"
    )
    assert done.returncode == 1
    found = {item["subject"]: item for item in map(json.loads, done.stdout.splitlines())}
    assert found["python"]["level"] == "ok"
    assert found["home"] == {
        "level": "wrong",
        "subject": "home",
        "said": f"{home} can be written by others",
        "remedy": f"chmod go-w {home}",
    }
    assert found["database"]["level"] == "wrong"
    assert all(item["remedy"] for item in found.values() if item["level"] != "ok")
    assert "secret-word" not in done.stdout + done.stderr


def test_a_command_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    assert {word for commands in SUBJECTS.values() for word in commands} == {command.split()[0] for command in COMMANDS}
    program = "import sys; from orchestrator.cli.main import main; sys.argv[1:] = ['jobs']; sys.exit(main())"
    heavy = (
        "import atexit, sys; atexit.register(lambda: print(*{'sqlalchemy', 'celery', 'alembic'} & set(sys.modules)));"
    )
    done = subprocess.run(
        [sys.executable, "-c", heavy + program],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "ORCHESTRATOR_HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout.strip()) == (3, "")
    assert "orchestrator up" in done.stderr


@pytest.mark.parametrize(("typed", "offered"), [("orchestrator wo", {"workflow", "workflows", "worker", "worklist"})])
def test_the_shell_can_complete_commands(typed: str, offered: set[str], tmp_path: Path) -> None:
    words = typed.split()
    shown = orchestrator(
        home=tmp_path,
        _ORCHESTRATOR_COMPLETE="complete_bash",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(words) - 1),
    )
    assert set(shown.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_taught(shell: str, tmp_path: Path) -> None:
    shown = orchestrator("completion", shell, home=tmp_path)
    assert shown.returncode == 0
    assert (
        f"_ORCHESTRATOR_COMPLETE=complete_{shell}" in shown.stdout.replace(" ", "").replace("'", "").replace("env", "")
        or f"complete_{shell}" in shown.stdout
    )
    told = json.loads(orchestrator("completion", shell, "--json", home=tmp_path).stdout)
    assert told == {"shell": shell, "script": shown.stdout.removesuffix("\n")}
    assert orchestrator("completion", "cmd", home=tmp_path).returncode == 2


def test_the_shell_offers_what_the_service_has_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    def offered(typed: str, **variables: str) -> list[str]:
        words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        shown = orchestrator(home=tmp_path, _ORCHESTRATOR_COMPLETE="complete_bash", **words, **variables)
        assert shown.stderr == ""
        return shown.stdout.split()

    assert offered("orchestrator job 1") == []
    jobs = [{"id": id, "state": "Started", "workflow": "w"} for id in (12, 13, 21)]
    with staged() as (plays, asked, url):
        plays += [answer(200, {"items": jobs, "next_cursor": None})]
        assert offered("orchestrator job 1", ORCHESTRATOR_URL=url, ORCHESTRATOR_KEY="k") == ["12", "13"]
        plays += [answer(200, {"items": [{"name": "london", "health": "ok"}], "next_cursor": None})]
        assert offered("orchestrator site show l", ORCHESTRATOR_URL=url, ORCHESTRATOR_KEY="k") == ["london"]
        plays += [answer(401, {"detail": "no"})]
        assert offered("orchestrator job 1", ORCHESTRATOR_URL=url, ORCHESTRATOR_KEY="k") == []
    assert asked[0][0] == "GET /api/v1/jobs?limit=50"


AWAY = "a part that is needed does not answer now"
KEYLESS = "  give a key with --key or ORCHESTRATOR_KEY; `orchestrator up` writes one to its home's profile.json"


@pytest.mark.parametrize(
    ("play", "code", "lines"),
    [
        (answer(200, b"<h1>It works!</h1>", "text/html"), 3, ["what answers at {url} is not an orchestrator: no JSON"]),
        (answer(404, b"<h1>Not found</h1>", "text/html"), 1, ["404 Not Found from {url}/api/v1/jobs/12"]),
        (answer(401, {"detail": "this key is not known", "errors": []}), 1, ["this key is not known", KEYLESS]),
        (answer(403, {"detail": "this is for admins", "errors": []}), 1, ["this is for admins"]),
        (answer(404, {"detail": "there is no job 12", "errors": []}), 1, ["there is no job 12"]),
        (answer(503, {"detail": AWAY}), 3, [AWAY]),
    ],
)
def test_what_newcomers_do_wrong_is_told_in_a_line_with_its_code(
    play: Play, code: int, lines: list[str], tmp_path: Path
) -> None:
    with staged() as (plays, _, url):
        plays += [play]
        done = orchestrator(
            "job", "12", "--json", home=tmp_path, ORCHESTRATOR_URL=url.rstrip("/"), ORCHESTRATOR_KEY="k"
        )
        assert (done.returncode, done.stdout) == (code, "")
        said = "\n".join(["orchestrator: " + lines[0], *lines[1:], ""])
        assert done.stderr == said.format(url=url.rstrip("/"))


def test_an_address_without_a_key_is_told_to_need_one(tmp_path: Path) -> None:
    done = orchestrator("jobs", home=tmp_path, ORCHESTRATOR_URL="http://127.0.0.1:1")
    assert done.returncode == 3
    assert done.stderr == (
        "orchestrator: there is no key for http://127.0.0.1:1: give one with --key or ORCHESTRATOR_KEY\n"
    )


def test_an_address_that_is_none_is_told_so(tmp_path: Path) -> None:
    done = orchestrator("jobs", "--url", "localhost:8080", "--key", "k", home=tmp_path)
    assert done.returncode == 2
    assert "http://" in done.stderr
