"""A reporter that keeps what it is told."""

from orchestrator.contracts.report import Item, Said


class Kept:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.said: list[Said] = []

    def send(self, item: Item) -> None:
        self.items.append(item)

    def tell(self, said: Said) -> None:
        self.said.append(said)

    def hurry(self) -> None:
        pass
