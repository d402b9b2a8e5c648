from pathlib import Path

import pytest

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
        ('name = "london"', 'name = "london"\nsurprise = 1', "surprise"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        load_site(write(tmp_path, GOOD.replace(old, new)), {})
    assert said in str(raised.value)
    assert str(tmp_path / "site.toml") in str(raised.value)
    assert "secret" not in str(raised.value)


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
