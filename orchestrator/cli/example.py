"""A site's file with every key explained: what ``worker --example`` prints, and ``site new`` writes."""

import json
from collections.abc import Sequence

NAME = "oslo"

_TEMPLATE = """\
# A site: the workers of one or more hosts that see the same storage. Keep it with the files that it names.
#
#   orchestrator worker --config site.toml --check     says what would be started, and what is wrong
#   orchestrator worker --config site.toml             starts all of it, until SIGTERM

name = {name}

# Where the hub's API answers; only --check asks it.
{hub}

# The broker, and this site's key. Secrets are in files of their own, which only their owner may read; or give
# redis_url and key, or the variables ORCHESTRATOR_REDIS_URL and ORCHESTRATOR_SITE_KEY. Paths are seen from here.
redis_url_file = "redis.url"
key_file = "site.key"

# What this host remembers over a restart; and notes that are too long to travel, in a folder that all its hosts share.
state = "state"
spool = "spool"

# The actions that may run here, whatever a workflow asks for.
allow = ["*"]
# Modules of actions besides the installed plugins (import paths, or files), and where to look for them.
# actions = ["my_actions.py"]
# python_path = ["."]

# Nothing outside the roots is read or written, whatever a path, a link or a parameter says.
{roots}

# What each process of a handler may take. CPU time is that of one task. A function may have its own.
[limits]
# memory = "4 GiB"
# cpu_time = "2h"
# nice = 5
# user = "orchestrator"          # whose the workers are; only root can choose
# [limits.custom]
# memory = "1 GiB"

# Queues, and how much runs at once in each of their functions:
#   discovery    walks: they find paths
#   worker       the built-in actions
#   custom       what plugins bring; without it, they run in worker
#   interactive  what is short and somebody waits for: actions and steps that say so
# They are pools of their own: long walks never starve work, and neither starves people. Further queues, such as
# [queues.bulk], are for jobs and steps that name them.
[queues.default]
discovery = 2
worker = {worker}
custom = 2
interactive = 1
"""


def example(name: str = NAME, *, roots: Sequence[str] = ("/data",), hub_url: str | None = None, worker: int = 4) -> str:
    """The text of such a file."""
    hub = f"hub_url = {_quoted(hub_url)}" if hub_url else '# hub_url = "https://hub.example.org"'
    shown = "\n\n".join(f"[[roots]]\npath = {_quoted(root)}" for root in roots)
    shown += '\n# alias = "/data/oslo"           # another path by which jobs may name it\n# read_only = true'
    return _TEMPLATE.format(name=_quoted(name), hub=hub, roots=shown, worker=worker)


def _quoted(text: str) -> str:
    """A basic string of TOML, which JSON's are."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
