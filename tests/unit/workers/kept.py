"""A reporter that keeps what it is told."""

from orchestrator.contracts.report import Item


class Kept:
    def __init__(self) -> None:
        self.items: list[Item] = []

    def send(self, item: Item) -> None:
        self.items.append(item)

    def hurry(self) -> None:
        pass
