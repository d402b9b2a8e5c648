"""The workers of a site, and what authors of actions need: ``from workers import action, Context, Path``.

What authors of discoveries need is in ``workers.discovery``; here that name can only be the package.
"""

from workers.command import CommandFailed, CommandTimeout
from workers.context import Context, Stopped
from workers.path import Path
from workers.registry import action
from workers.spool import NoteElsewhere

__all__ = ["CommandFailed", "CommandTimeout", "Context", "NoteElsewhere", "Path", "Stopped", "action"]
