import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from workers.__main__ import main

KEY = "ab" * 32
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "ignore"}

pytestmark = pytest.mark.timeout(180)


def write(folder: Path, redis_url: str, more: str = "") -> Path:
    file = folder / "site.toml"
    file.touch(mode=0o600 if "[[roots]]" not in more else 0o644)
    file.write_text(
        f'name = "s{os.urandom(6).hex()}"\nredis_url = "{redis_url}"\nkey = "{KEY}"\nstate = "state"\n{more}\n'
        f'[[roots]]\npath = "."\n[queues.default]\nworker = 1\ndiscovery = 1\n[queues.bulk]\nworker = 3\n'
    )
    return file


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env=ENVIRONMENT,
        check=False,
    )


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.05)


def test_check_says_what_it_would_start(tmp_path: Path, redis_server: str) -> None:
    done = run("--config", str(write(tmp_path, redis_server)), "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  pool ") == 3
    assert ".bulk.worker@" in done.stdout
    assert "fs.checksum " in done.stdout
    assert "note: this Redis user reaches other sites' queues too" in done.stdout


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import nowhere_at_all")
    (tmp_path / "s3.toml").write_text("not TOML")
    (tmp_path / "s3.toml").chmod(0o644)
    done = run(
        "--config",
        str(
            write(
                tmp_path,
                "redis://:hidden@127.0.0.1:1/0",
                'actions = ["own.py"]\nallow = ["noop", "fs.cheksum"]\nhub_url = "http://127.0.0.1:1"\n'
                '[http]\nhosts = ["x"]\nheaders_file = "no.toml"\n'
                '[[stores]]\nurl = "s3://x"\noptions_file = "s3.toml"\n[[roots]]\npath = "none"',
            )
        ),
        "--check",
    )
    assert done.returncode == 1
    assert done.stdout.count("  wrong: ") == 9
    assert f"http: headers_file {tmp_path}/no.toml: No such file or directory" in done.stdout
    assert f"stores: s3://x: ConfigError: options_file {tmp_path}/s3.toml: not TOML" in done.stdout
    assert f"{tmp_path}/s3.toml: others may read it, and it holds secrets; chmod 600" in done.stdout
    assert "allow: 'fs.cheksum' is no action of this host; did you mean fs.checksum?" in done.stdout
    assert "hub_url: http://127.0.0.1:1/health/ready does not answer" in done.stdout
    assert "it holds a secret; chmod 600" in done.stdout
    assert "nowhere_at_all" in done.stdout
    assert "none: no such folder" in done.stdout
    assert "redis_url" in done.stdout
    assert "hidden" not in done.stdout + done.stderr


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(write(tmp_path, "redis://127.0.0.1:1/0"))
    with pytest.raises(SystemExit) as ended:
        main(["--config", file, "--queue", "default"])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(tmp_path / "none.toml")])
    assert ended.value.code == 2
    assert main(["--config", file, "--queue", "bulk", "--function", "discovery"]) == 1
    assert "no pool for bulk discovery" in capsys.readouterr().err


def test_all_pools_are_kept_running_and_end_together(tmp_path: Path, redis_server: str) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "workers", "--config", str(write(tmp_path, redis_server))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    process = psutil.Process(supervisor.pid)
    try:
        until(lambda: len(process.children()) == 3)
        first = {child.pid for child in process.children()}
        victim = process.children()[0]
        victim.kill()
        until(lambda: len({child.pid for child in process.children()} - {victim.pid}) == 3)
        assert len({child.pid for child in process.children()} - first) == 1
        family = process.children(recursive=True)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(60) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
    finally:
        supervisor.kill()
        supervisor.wait()


def test_pools_end_with_a_supervisor_that_is_killed(tmp_path: Path, redis_server: str) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "workers", "--config", str(write(tmp_path, redis_server))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    process = psutil.Process(supervisor.pid)
    try:
        until(lambda: len(process.children()) == 3)
        family = process.children(recursive=True)
    finally:
        supervisor.kill()
        supervisor.wait()
    assert psutil.wait_procs(family, timeout=60)[1] == []
