"""When two failures are alike: same error class, action and step, and the same message but for what it is about.

Asked for every path that fails. Whatever names one thing among many (a quoted text, a path, an id, a number) is left
out of the message, rather too much than too little: a group for each of a million paths helps nobody.
"""

import re
from functools import lru_cache
from hashlib import blake2b

LONGEST = 2000
"""Characters of a message that are looked at; a difference after that is none."""

_IN_PATH = r"[^\s'\"`<>()\[\]{},;:=|]"  # what a path that is not quoted is made of
_IN_NAME = r"[^\s'\"`<>()\[\]{},;:=|/\\]"
_VARIABLE = re.compile(
    rf"""
      (?<![A-Za-z]) (?:[A-Za-z]+[:,;]?[ ]+)+
    | (?<![\w\\]) [bru]? (?P<text> '[^'\\]*(?:\\.[^'\\]*)*'(?!\w) | "[^"\\]*(?:\\.[^"\\]*)*"(?!\w) | `[^`]*` )
    | (?<!{_IN_NAME}) (?P<path> {_IN_NAME}*[/\\]{_IN_PATH}* | {_IN_NAME}+\.[A-Za-z][A-Za-z0-9]{{0,4}}(?!{_IN_NAME}) )
    | (?P<number>
          (?<![0-9A-Za-z]) (?:
              [0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}
            | 0[xX][0-9A-Fa-f]+
            | (?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{{8,}}(?![0-9A-Za-z])
            | [A-Za-z]*[0-9]+[A-Za-z]+[0-9][0-9A-Za-z]*
          )
        | (?:(?<!\S)[+-])?[0-9]+(?:[.,][0-9]+)*(?:[eE][+-]?[0-9]+)?
      )
    """,
    re.VERBOSE | re.DOTALL,
)
# Plain words come first for speed alone: a run of them is one match. The time is linear in the length: an alternative
# that scans on begins only where no earlier scan of its kind was inside (not within a word, not at an escaped quote).


def template(message: str) -> str:
    """The message with ``<text>``, ``<path>`` and ``<number>`` (an id, too) for what differs between failures."""
    return " ".join(_VARIABLE.sub(_placeholder, message[:LONGEST]).split())


def _placeholder(found: re.Match[str]) -> str:
    return f"<{found.lastgroup}>" if found.lastgroup else found[0]


def fingerprint(error_class: str, message: str, action: str, step: int) -> str:
    """16 hexadecimal digits, the same for failures that are alike, in every process and on every machine."""
    return _fingerprint(error_class, message[:LONGEST], action, step)


@lru_cache(maxsize=1024)  # the same failure tends to come again at once, often with the very same message
def _fingerprint(error_class: str, message: str, action: str, step: int) -> str:
    alike = "\0".join((action, str(step), error_class, template(message)))
    return blake2b(alike.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
