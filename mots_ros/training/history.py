"""What a training run has reached so far: TensorBoard's files, a table and the learning curve."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from tensorboardX import SummaryWriter

from mots_ros.core.types import Image

TABLE, CURVE = "history.jsonl", "curve.png"


class History:
    """The scalars and pictures of a run, in its folder; an existing history is continued.

    Scalars are named ``loss/heat``, ``score/HOTA car`` and the like: what stands before the slash
    shares a panel of the curve.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = SummaryWriter(str(folder))
        table = folder / TABLE
        lines = table.read_text().splitlines() if table.exists() else []
        self._rows: list[dict[str, float]] = [json.loads(line) for line in lines]

    def show(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """For TensorBoard alone."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, iteration)

    def picture(self, iteration: int, name: str, image: Image) -> None:
        """An RGB image [H, W, 3] for TensorBoard."""
        self._writer.add_image(name, image, iteration, dataformats="HWC")

    def record(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """For TensorBoard, the table and the curve."""
        self.show(iteration, scalars)
        # A run that was interrupted after this line may come here again.
        self._rows = [row for row in self._rows if row["iteration"] < iteration]
        self._rows.append({"iteration": iteration, **scalars})
        table = "".join(json.dumps(row) + "\n" for row in self._rows)
        (self._folder / TABLE).write_text(table)
        _save_curve(self._folder / CURVE, self._rows)

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()


def _save_curve(path: Path, rows: list[dict[str, float]]) -> None:
    panels: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, value in row.items():
            if name != "iteration":
                panel, _, title = name.partition("/")
                panels[panel][title].append((row["iteration"], value))
    figure = Figure(figsize=(8, 3.2 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (panel, curves) in zip(all_axes, panels.items(), strict=True):
        for title, points in curves.items():
            axes.plot(*zip(*points, strict=True), marker=".", label=title)
        axes.set_ylabel(panel)
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    all_axes[-1].set_xlabel("iteration")
    figure.savefig(path, dpi=110)
