"""Work over very many paths at several sites: workflows, jobs, tasks, and the hub that moves them on."""

from importlib.metadata import version

__version__ = version("orchestrator")
