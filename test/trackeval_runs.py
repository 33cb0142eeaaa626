"""TrackEval called by hand on files, as its own scripts call it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import trackeval


def run(dataset: type, settings: dict[str, Any]) -> dict[str, Any]:
    """Its answer, by sequence (all as one: COMBINED_SEQ), class, metric and field."""
    quiet = {"PRINT_CONFIG": False}
    evaluator = trackeval.Evaluator(
        {
            **quiet,
            "TIME_PROGRESS": False,
            "PRINT_RESULTS": False,
            "OUTPUT_SUMMARY": False,
            "OUTPUT_DETAILED": False,
            "PLOT_CURVES": False,
            "LOG_ON_ERROR": None,
        }
    )
    metrics = [
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR(dict(quiet)),
        trackeval.metrics.Identity(dict(quiet)),
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        answer, _ = evaluator.evaluate([dataset({**quiet, **settings})], metrics)
    ((by_sequence,),) = (by_tracker.values() for by_tracker in answer.values())
    return by_sequence


def values(of_class: dict[str, Any]) -> dict[str, Any]:
    """What is customarily shown of it, in percent."""
    hota, clear, count = of_class["HOTA"], of_class["CLEAR"], of_class["Count"]
    shown = {name: 100 * float(hota[name].mean()) for name in ("HOTA", "DetA", "AssA", "LocA")}
    shown |= {"IDF1": 100 * float(of_class["Identity"]["IDF1"])}
    shown |= {name: 100 * float(clear[name]) for name in ("sMOTA", "MOTA", "MOTP")}
    shown |= {name: int(clear[name]) for name in ("IDSW", "Frag", "MT", "PT", "ML")}
    shown |= {name: int(clear[f"CLR_{name}"]) for name in ("TP", "FP", "FN")}
    shown |= {name: int(count[name]) for name in ("GT_Dets", "GT_IDs", "Dets", "IDs")}
    return shown


def link(folder: Path, files: dict[str, Path]) -> None:
    """Put files into a folder under the names that TrackEval expects."""
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(file)
