"""What a session of fault tests has come to, in numbers: collected from the tests, shown, and written as JSON."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

FAULT, TRIAL = "fault", "trial"
"""The names under which a test hands in its numbers: ``{fault, recovered_s}``, and sums such as ``{tasks, checks}``."""


class Report:
    """The numbers of a session; a plugin of pytest's, which hears of every test wherever that ran."""

    def __init__(self, seed: int, file: Path | None) -> None:
        self._seed, self._file = seed, file
        self._recoveries: defaultdict[str, list[float]] = defaultdict(list)
        self._sums: defaultdict[str, int] = defaultdict(int)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test hands in, once."""
        for name, numbers in report.user_properties if report.when == "teardown" else ():
            self._take(name, numbers)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show it, and write it down."""
        document = self.document()
        if document["faults"]:
            terminalreporter.section("faults")
            for fault, seconds in document["recoveries_s"].items():
                terminalreporter.line(f"{seconds:8.1f} s  {fault}")
            terminalreporter.line(
                f"{document['faults']} faults, {document['tasks']} tasks, invariants read {document['checks']} times, "
                f"{document['twice']} paths run more than once"
            )
        if self._file is not None:
            self._file.write_text(json.dumps(document, indent=2) + "\n")

    def document(self) -> dict[str, Any]:
        """All of it."""
        worst = {fault: max(seconds) for fault, seconds in sorted(self._recoveries.items())}
        return {
            "seed": self._seed,
            "faults": sum(map(len, self._recoveries.values())),
            "recoveries_s": worst,
            "worst_recovery_s": max(worst.values(), default=None),
            **{name: self._sums[name] for name in ("tasks", "checks", "twice")},
        }

    def _take(self, name: str, numbers: Any) -> None:
        if name == FAULT:
            self._recoveries[numbers["fault"]].append(numbers["recovered_s"])
        elif name == TRIAL:
            for key, value in numbers.items():
                self._sums[key] += value
