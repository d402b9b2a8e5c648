"""Cutting a body into lines as it comes in: no more of it is in memory than a line, and what has just come."""

from orchestrator.contracts.path_line import LONGEST_LINE
from orchestrator.errors import TooLarge


class LineCutter:
    """Takes pieces of a body, gives whole lines, none of them longer than so many bytes."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = bytearray()
        self.lines = 0
        """So many have been given."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that end in this piece, without their ends; TooLarge for one that is too long."""
        self._rest += piece
        if b"\n" not in piece:
            self._check(len(self._rest))
            return []
        *whole, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in whole:
            self._check(len(line))
            self.lines += 1
        self._check(len(rest))
        return whole

    def last(self) -> list[bytes]:
        """What is left at the end of the body: a line without an end."""
        rest, self._rest = bytes(self._rest), bytearray()
        self.lines += bool(rest)
        return [rest] if rest else []

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise TooLarge(f"line {self.lines + 1} is longer than {self._longest} bytes")
