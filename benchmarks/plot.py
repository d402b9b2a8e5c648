"""W5 as a picture: ``python -m benchmarks.plot results.json docs`` draws growth.png and growth.svg into that folder.

For an environment with matplotlib, which ``make bench-plot`` makes; the product needs none.
"""

import sys
from pathlib import Path

from matplotlib import pyplot as plt

from benchmarks.figures import Figure
from benchmarks.table import Results

INK, RATE, HUB, REDIS = "#333333", "#1f6f8b", "#b5541c", "#6a4c93"


def draw(results: Results, folder: Path) -> None:
    """The rate over the number of tasks in one job, and beside it the memory of the two parts that must not grow."""
    plt.switch_backend("agg")  # there is no screen here
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "w5"})
    grown = sorted((tasks(one), one) for one in results.figures if one.workload == "W5" and one.unit == "tasks/s")
    if not grown:
        sys.exit("there is no W5 in these results")
    sizes, figures = [size for size, _ in grown], [one for _, one in grown]
    figure, (rate, memory) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    medians = [one.median for one in figures]
    spread = [[m - min(one.values) for m, one in zip(medians, figures, strict=True)]]
    spread.append([max(one.values) - m for m, one in zip(medians, figures, strict=True)])
    rate.errorbar(sizes, medians, yerr=spread, color=RATE, marker="o", capsize=3)
    rate.set(title="Throughput", ylabel="tasks a second", ylim=(0, None))
    for part, color in (("hub", HUB), ("redis", REDIS)):
        memory.plot(sizes, [one.memory.get(part, 0) for one in figures], color=color, marker="o", label=part)
    memory.set(title="Memory at its peak (PSS)", ylabel="MiB", ylim=(0, None))
    memory.legend(frameon=False)
    for axes in (rate, memory):
        axes.set(xscale="log", xlabel="tasks in one job")
        axes.grid(axis="y", alpha=0.25)
        axes.title.set_color(INK)
    for ending in ("png", "svg"):
        figure.savefig(folder / f"growth.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None)


def tasks(figure: Figure) -> int:
    """How many there were in the job."""
    return int(figure.size.split()[0].replace(",", ""))


if __name__ == "__main__":
    draw(Results.read(Path(sys.argv[1])), Path(sys.argv[2]))
