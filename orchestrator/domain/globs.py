"""Globs over paths, several at once as one regular expression.

``*`` and ``?`` stay within a component; ``**`` as a whole component is any number of them, at the end all that is
inside; ``[a-z]`` and ``[!a-z]`` are one character. All else is itself, a backslash too (``[*]`` is a star). A character
is one of UTF-8, or a byte that is none. Case counts.

A glob without ``/`` is held against the last component. With one it is held against the whole path if it starts with
``/`` or a scheme (``s3://``), else against the part below the base; where there is no base, against any trailing part.

The first place where the text after a star fits is as good as any later one, so a place once found is kept (an atomic
group): no glob, however many stars it has, costs more than its length times that of the path.
"""

import re
from collections.abc import Iterable

_FOLDERS = "(?:[^/]*/)*"
_SPECIAL = re.compile(r"\*+|\?|\[")
_CLASS = re.compile(r"\[([!^]?)(\]?[^\]]*)\]")
_MEMBER = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_WHOLE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*://")


class Globs:
    """One question about a path: does any of these match? ValueError, naming the glob, when one makes no sense."""

    __slots__ = ("_below", "_name", "_trailing", "_whole")

    def __init__(self, globs: Iterable[str]) -> None:
        names: list[str] = []
        whole: list[str] = []
        below: list[str] = []
        for glob in globs:
            check_glob(glob)
            (names if "/" not in glob else whole if _WHOLE.match(glob) else below).append(glob)
        self._name, self._whole, self._below = _any(names), _any(whole), _any(below)
        self._trailing = _any([f"**/{glob}" for glob in below])

    @property
    def relative(self) -> bool:
        """Whether one of them is held against the part below the base."""
        return self._below is not None

    def match(self, path: str, name: int, below: int | None) -> bool:
        """Ask about a path, given where its last component begins, and the part below its base (None: no base)."""
        if self._name and self._name.match(path, name):
            return True
        if self._whole and self._whole.match(path):
            return True
        if self._below and self._trailing:
            return bool(self._trailing.match(path) if below is None else self._below.match(path, below))
        return False


def as_text(path: bytes) -> str:
    """The form in which a path meets a glob; no two paths have the same."""
    return path.decode("utf-8", "surrogateescape")


def check_glob(glob: str) -> None:
    """Raise ValueError, naming the glob and what is wrong with it, unless it can be used."""
    try:
        _expression(glob)
    except ValueError as error:
        reason = error.reason if isinstance(error, UnicodeEncodeError) else error
        raise ValueError(f"glob {glob!r}: {reason}") from None


def _any(globs: list[str]) -> re.Pattern[str] | None:
    return re.compile(rf"(?s:{'|'.join(map(_expression, globs))})\Z") if globs else None


def _expression(glob: str) -> str:
    """One glob as a regular expression, to be anchored at both ends."""
    components = as_text(glob.encode("utf-8", "surrogateescape")).split("/")
    if not glob or "\0" in glob:
        raise ValueError("no path is empty or has a NUL in it")
    if glob.endswith("/"):
        raise ValueError("ends with /: for all that is inside add **, for the folder itself leave out the /")
    if "." in components or ".." in components:
        raise ValueError("no path has . or .. as a component")
    if len(components) == 1:
        return _component(components[0])
    head, *runs = _cut(components)
    if not runs:
        return head[:-1]
    *between, last = runs
    middle = "".join(f"(?>{_FOLDERS}?{run})" for run in between if run)
    return head + middle + (_FOLDERS + last[:-1] if last else ".+")


def _cut(components: list[str]) -> list[str]:
    """What stands before, between and after every ``**``, each component with the / behind it."""
    runs = [""]
    for component in components:
        if component == "**":
            runs.append("")
        else:
            runs[-1] += _component(component) + "/"
    return runs


def _component(glob: str) -> str:
    """One component; what stands between two stars has a fixed length, so the first place where it fits will do."""
    head, *pieces = _pieces(glob)
    if not pieces:
        return head
    if not head and not any(pieces):
        return "[^/]+"  # nothing but stars: any component, and none is empty
    *between, last = pieces
    return head + "".join(f"(?>[^/]*?{piece})" for piece in between) + "[^/]*" + last


def _pieces(glob: str) -> list[str]:
    """What stands before, between and after the stars of one component."""
    pieces, at = [""], 0
    while special := _SPECIAL.search(glob, at):
        pieces[-1] += re.escape(glob[at : special.start()])
        at = special.end()
        if special[0] == "?":
            pieces[-1] += "[^/]"
        elif special[0] == "[":
            found = _CLASS.match(glob, special.start())
            if not found:
                raise ValueError("a [ without its ] (a [ itself is written [[])")
            pieces[-1] += _class(*found.groups())
            at = found.end()
        else:
            pieces.append("")
    pieces[-1] += re.escape(glob[at:])
    return pieces


def _class(negated: str, members: str) -> str:
    """One character out of a class, never a /."""
    if not members or "[:" in members:
        raise ValueError("a [ ] that is empty, or holds a named class, which there is not")
    expression = ""
    for low, high, single in _MEMBER.findall(members):
        if low > high:
            raise ValueError(f"{low}-{high} is a range backwards")
        expression += re.escape(single) or f"{re.escape(low)}-{re.escape(high)}"
    return f"(?!/)[{'^' if negated else ''}{expression}]"
