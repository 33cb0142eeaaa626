"""Make one self-contained HTML page of what evaluate left in one or several folders.

Several evaluations, such as those of two trackers on the same drives, stand side by side. The page
needs no network and no other file: it can be mailed, attached to a ticket, or opened in ten years.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.page import page, read_evaluations


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros report``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.out.exists():
            raise EvaluationError(f"{options.out} exists; it is not overwritten")
        content = page(read_evaluations(options.evaluations))
        with options.out.open("x", encoding="utf-8") as file:
            file.write(content)
    except EvaluationError as error:
        parser.exit(2, f"report: error: {error}\n")
    except OSError as error:
        parser.exit(2, f"report: error: {options.out}: cannot write it: {error.strerror}\n")
    print(f"{options.out}: {len(content.encode()) / 1e6:.2g} MB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "evaluations",
        nargs="+",
        type=Path,
        metavar="EVALUATION",
        help="folder that evaluate wrote",
    )
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="new HTML file")
    return parser


if __name__ == "__main__":
    main()
