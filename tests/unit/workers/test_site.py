import re
from pathlib import Path

import pytest

from orchestrator.cli.example import example
from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from workers.site import load_site

KEY = "ab" * 32
GOOD = f'''
name = "london"
redis_url = "redis://:secret@localhost:1/0"
key = "{KEY}"
actions = ["my_actions", "plugins/own.py"]
python_path = ["."]
[[roots]]
path = "data"
[[roots]]
path = "/ref/../ref"
read_only = true
[queues.default]
worker = 2
discovery = 1
'''


def write(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text)
    return file


def test_a_good_file(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD), {})
    assert site.key_bytes == bytes.fromhex(KEY)
    assert [root.path for root in site.roots] == [tmp_path / "data", Path("/ref")]
    assert [root.read_only for root in site.roots] == [False, True]
    assert site.queues == {"default": {Function.WORKER: 2, Function.DISCOVERY: 1}}
    assert site.actions == ["my_actions", str(tmp_path / "plugins/own.py")]
    assert site.python_path == [tmp_path]
    assert "secret" not in repr(site)
    assert KEY not in repr(site)


def test_secrets_from_files_and_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "london.key").write_text(KEY + "\n")
    text = GOOD.replace(f'key = "{KEY}"', 'key_file = "london.key"').replace(
        'redis_url = "redis://:secret@localhost:1/0"', ""
    )
    site = load_site(write(tmp_path, text), {"ORCHESTRATOR_REDIS_URL": "redis://other:1/0"})
    assert site.key_bytes == bytes.fromhex(KEY)
    assert site.redis_url.get_secret_value() == "redis://other:1/0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'key = "{KEY}"', "", "ORCHESTRATOR_SITE_KEY"),
        (f'key = "{KEY}"', 'key = "short"', "64 hexadecimal digits"),
        (f'key = "{KEY}"', 'key_file = "none"', "key_file: none can not be read"),
        ('"redis://:secret@localhost:1/0"', '"localhost"', "redis_url"),
        ('"redis://:secret@localhost:1/0"', "5", "redis_url"),
        ('"london"', '"London Town"', "name"),
        ("worker = 2", "worker = 0", "queues.default.worker"),
        ("worker = 2", 'worker = "2"', "queues.default.worker"),
        ("worker = 2", "workers = 2", "queues.default.workers"),
        ("worker = 2\ndiscovery = 1", "", "no pool at all"),
        ("read_only = true", "readonly = true", "roots.1.readonly"),
        ("[queues.default]", "[queues.default", "not TOML"),
        ("[queues.default]", "[queues.default]\nworker = 1\n[queues.default]", "twice (at line 14"),
        ('"london"', "london", "(at line 2, column 8); a text stands in quotes"),
        ('name = "london"', "", "name: is missing"),
        ('name = "london"', "name = 5", "name: has to be a text, in quotes"),
        ('name = "london"', 'name = "london"\nallow = "fs.*"', 'allow: has to be a list, such as ["a", "b"]'),
        ("read_only = true", 'read_only = "yes"', "roots.1.read_only: has to be true or false"),
        (
            '[[roots]]\npath = "data"\n[[roots]]\npath = "/ref/../ref"\nread_only = true',
            'roots = ["/data"]',
            "roots.0: has to be a table: its keys stand in lines of their own below [[roots]]",
        ),
        ("[queues.default]", "[queues]", "queues.worker: has to be a table"),
        (
            "[queues.default]",
            '[[stores]]\nurl = "s3://x"\nreadonly = 1\n[queues.default]',
            "did you mean read_only?",
        ),
        ("[queues.default]", '[shell]\nprogram = ["/bin/ls"]\n[queues.default]', "did you mean programs?"),
        ("[queues.default]", '[http]\nhost = ["x"]\n[queues.default]', "did you mean hosts?"),
        ('name = "london"', 'name = "london"\nsurprise = 1', "surprise"),
        ('name = "london"', 'name = "london"\nrot = 1', "did you mean roots?"),
        ('name = "london"', 'name = "london"\nhub_url = "hub"', "hub_url"),
        ('path = "data"', 'path = "data"\nalias = "data"', "alias: has to be an absolute path"),
        ("[queues.default]", '[pools]\nworker = "green"\n[queues.default]', "pools.worker"),
        ("[queues.default]", '[pools]\ndiscovery = "prefork"\n[queues.default]', "walks are always in threads"),
        ("worker = 2", "workr = 2", "did you mean worker?"),
        ("[queues.default]", "[limits]\nmemory = 12\n[queues.default]", "limits.memory"),
        ("[queues.default]", '[limits]\nmemory = "much"\n[queues.default]', '"512 MiB"'),
        ("[queues.default]", '[limits.custom]\ncpu_time = "soon"\n[queues.default]', "limits.custom.cpu_time"),
        ("[queues.default]", "[limits.custom]\nusr = 1\n[queues.default]", "limits.custom.usr: unknown key"),
        ("[queues.default]", "[limits]\nnice = 40\n[queues.default]", "limits.nice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        load_site(write(tmp_path, GOOD.replace(old, new)), {})
    assert said in str(raised.value)
    assert str(tmp_path / "site.toml") in str(raised.value)
    assert "secret" not in str(raised.value)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    wrong = GOOD.replace(f'key = "{KEY}"', 'key_file = "none"').replace("worker = 2", "worker = 0")
    wrong = wrong.replace('name = "london"', 'name = "London"\nallowed = []')
    with pytest.raises(ConfigError) as raised:
        load_site(write(tmp_path, wrong), {})
    lines = str(raised.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{tmp_path}/site.toml: ") for line in lines)
    said = "\n".join(lines)
    for one in ("key_file: none", "name:", "allowed: unknown key; did you mean allow?", "queues.default.worker"):
        assert one in said


def test_limits_of_a_function_come_before_the_general_ones(tmp_path: Path) -> None:
    limits = '[limits]\nmemory = "2 GiB"\ncpu_time = "1h30m"\nnice = 5\nuser = "x"\n'
    limits += '[limits.custom]\nmemory = "512MB"\nnice = 0\n'
    site = load_site(write(tmp_path, GOOD + limits), {})
    assert site.limits.of("worker").said() == {"memory": 2 * 1024**3, "cpu_time": 5400, "nice": 5}
    assert site.limits.of("custom").said() == {"memory": 512_000_000, "cpu_time": 5400, "nice": 0}
    assert site.limits.user == "x"
    assert load_site(write(tmp_path, GOOD), {}).limits.of("worker").said() == {}


@pytest.mark.parametrize("name", ["oslo", "a-b_c"])
def test_the_example_is_a_good_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "site.key").write_text(KEY)
    (tmp_path / "redis.url").write_text("redis://site-oslo:word@localhost:1/0")
    text = example(name, roots=['/da"ta', "/more\x7f"], hub_url="https://hub.example.org")
    site = load_site(write(tmp_path, text), {})
    assert (site.name, site.hub_url, site.state) == (name, "https://hub.example.org", tmp_path / "state")
    assert [root.path for root in site.roots] == [Path('/da"ta'), Path("/more\x7f")]
    assert [str(function) for _, function, _ in site.lanes] == ["discovery", "worker", "custom", "interactive"]
    # What is left out in it is right as well, once it is not.
    keys = r"(?:actions|python_path|alias|read_only|memory|cpu_time|nice|user|\[limits).*"
    whole = re.sub(rf"^# ({keys})$", r"\1", text, flags=re.MULTILINE)
    assert load_site(write(tmp_path, whole), {}).limits.custom.memory == 1024**3


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_site(tmp_path / "none.toml", {})


def test_what_may_be_run_and_called(tmp_path: Path) -> None:
    more = (
        '[shell]\nprograms = ["/usr/bin/gdal*"]\n[http]\nhosts = ["Hooks.example.com"]\nheaders_file = "headers.toml"\n'
    )
    site = load_site(write(tmp_path, GOOD + more), {})
    assert site.allowed.shell.allows("/usr/bin/gdalinfo")
    assert not site.allowed.shell.allows("/bin/sh")
    assert site.http.headers_file == tmp_path / "headers.toml"
    assert site.allowed.http.allows("https", "hooks.example.com", 443)
    for wrong in (
        '[shell]\nprograms = ["gdalinfo"]',
        '[http]\nhosts = ["https://x"]',
        '[http]\nnetworks = ["10.0.0.1/8"]',
        "[http]\nhost = []",
    ):
        with pytest.raises(ConfigError):
            load_site(write(tmp_path, GOOD + wrong), {})
