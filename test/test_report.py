"""The report: one page that says what the evaluation folders say, and needs nothing else."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from box_worlds import annotation, tracked_frame
from mots_ros.commands import evaluate, report
from mots_ros.core.types import Frame
from mots_ros.data import kitti_mots
from mots_ros.data.bags import write_drive
from mots_ros.evaluation.page.charts import Axis, Line, line_chart
from mots_ros.evaluation.page.comparison import ranges
from mots_ros.evaluation.palette import colour_of
from step_pipeline import StepPipeline

ALPHA = [round(0.05 * step, 2) for step in range(1, 20)]
VOID = ("meta", "img")


def scores(hota: float | None, **others: float) -> dict[str, float | None]:
    return {"HOTA": hota, "DetA": 61.25, "IDSW": 3, "TP": 71, "GT_Dets": 80, **others}


def curves() -> dict[str, list[float]]:
    return {"alpha": ALPHA, **{name: [50.0] * 19 for name in ("HOTA", "DetA", "AssA", "LocA")}}


def summary(name: str, hota: float = 51.5, **others: Any) -> dict[str, Any]:
    return {
        "sequence": name,
        "frames": 40,
        "frames_without_result": [],
        "frames_without_image": [],
        "scores": {"car": scores(hota), "pedestrian": scores(None)},
        "curves": {"car": curves()},
        "step_ms": [20.0] * 39 + [60.0],
        "live": None,
        **others,
    }


def document(*summaries: dict[str, Any], hota: float = 55.5, **others: Any) -> dict[str, Any]:
    return {
        "kind": "masks",
        "parameters": {"tracker.name": "sort", "tracker.max_misses": 15},
        "sequences": {of["sequence"]: of for of in summaries or (summary("street"),)},
        "combined": {
            "scores": {"car": scores(hota), "pedestrian": scores(None)},
            "curves": {"car": curves()},
        },
        **others,
    }


def write(folder: Path, content: dict[str, Any], colour=(0, 0, 255)) -> Path:
    """An evaluation folder whose pictures have a colour (BGR)."""
    for name in content["sequences"]:
        pictures = folder / "sequences" / name
        (pictures / "switches").mkdir(parents=True)
        image = np.full((30, 50, 3), colour, np.uint8)
        for file in ("tracks.png", "contact_sheet.png", "switches/1_frame000007_car_4.jpg"):
            cv2.imwrite(str(pictures / file), image)
    folder.mkdir(exist_ok=True)
    (folder / "scores.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


class Page(HTMLParser):
    """What a browser finds in a page; raises where elements are not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.marked: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open or "style" in self.open:
            return
        self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
            if "best" in (self.attributes[-1][1].get("class") or ""):
                self.marked.append(data)

    def values(self, attribute: str) -> list[str]:
        return [found[attribute] or "" for _, found in self.attributes if attribute in found]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def titles(self) -> list[str]:
        return re.findall(r"<h2>(.*?)</h2>", self.source)


def make(tmp_path: Path, *folders: Path) -> Page:
    out = tmp_path / "report.html"
    report.main([*map(str, folders), "--out", str(out)])
    return Page(out.read_text(encoding="utf-8"))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which the command ends."""
    with pytest.raises(SystemExit) as ended:
        report.main([*map(str, arguments)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_the_page_says_what_the_folder_says(tmp_path, capsys):
    streets = summary("street"), summary("avenue", hota=48.96)
    page = make(tmp_path, write(tmp_path / "sort", document(*streets)))
    assert page.titles() == [
        *("Overview", "Scores", "Scores by sequence", "HOTA curves", "Time", "Missing frames"),
        *("Sequences", "Parameters"),
    ]
    assert ["sort", "masks", "2", "2", "80"] in page.rows
    assert ["car", "sort", "55.5", "61.2", "3", "71", "80"] in page.rows
    assert ["street", "51.5", "61.2", "3", "71", "80"] in page.rows
    assert ["avenue", "49.0", "61.2", "3", "71", "80"] in page.rows
    assert ["combined", "55.5", "61.2", "3", "71", "80"] in page.rows
    assert ["pedestrian", "sort", "-", "61.2", "3", "71", "80"] in page.rows
    assert ["sort", "80", "20.0", "20.0", "60.0", "60.0"] in page.rows
    assert ["tracker.max_misses", "15"] in page.rows
    assert "AssA of car" in page.text
    assert "AssA of pedestrian" not in page.text  # nothing was there to be found
    assert "No frame is missing." in page.text
    assert "sort: 50.0 at localisation threshold α 0.95" in page.text
    assert "report.html" in capsys.readouterr().out


def test_nothing_is_loaded_from_anywhere(tmp_path):
    page = make(tmp_path, write(tmp_path / "sort", document()))
    assert len(page.values("src")) == 3
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("src"))
    targets = {f"#{anchor}" for anchor in page.values("id")}
    assert set(page.values("href")) <= targets
    assert any("default-src 'none'" in said for said in page.values("content"))
    assert not re.search(r"url\(|@import|https?:", page.source)
    assert {tag for tag, _ in page.attributes}.isdisjoint({"link", "iframe", "object", "base"})
    assert len(page.values("id")) == len(set(page.values("id")))


def test_pictures_are_within_the_page(tmp_path):
    page = make(tmp_path, write(tmp_path / "sort", document(), colour=colour_of(3)[::-1]))
    for source in page.values("src"):
        encoded = np.frombuffer(base64.b64decode(source.split(",")[1]), np.uint8)
        pixels = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert pixels.shape == (30, 50, 3)
        assert np.abs(pixels.astype(int) - colour_of(3)).max() < 12
    assert "id switch: frame000007 car 4" in page.values("alt")


def test_names_may_have_any_characters(tmp_path):
    strange = "a<b>&'\"c"
    content = document(summary(strange), parameters={"detector.weights": "<i>&amp;"})
    content["combined"]["scores"] = {"<car>": scores(55.5)}
    content["sequences"][strange]["scores"] = {"<car>": scores(51.5)}
    page = make(tmp_path, write(tmp_path / "x<y>&z", content))
    assert {tag for tag, _ in page.attributes}.isdisjoint({"b", "i", "y", "car"})
    assert [strange, "51.5", "61.2", "3", "71", "80"] in page.rows
    assert ["<car>", "x<y>&z", "55.5", "61.2", "3", "71", "80"] in page.rows
    assert ["detector.weights", "<i>&amp;"] in page.rows


def test_several_evaluations_side_by_side(tmp_path):
    others = {"tracker.name": "searchtrack", "tracker.max_misses": 15}
    first = write(tmp_path / "searchtrack", document(hota=55.56, parameters=others))
    better = document(summary("street", hota=53.0), hota=55.64)
    better["combined"]["scores"]["car"]["IDSW"] = 9
    page = make(tmp_path, first, write(tmp_path / "sort", better))
    assert ["car", "searchtrack", "55.6", "61.2", "3", "71", "80"] in page.rows
    assert ["street", "51.5", "53.0", "61.2", "61.2", "3", "3"] in page.rows
    # Better is what reads better: fewer id switches; 55.6 and 55.6 are the same.
    assert page.marked == ["3", "53.0"]
    assert page.rows.count(["tracker.name", "searchtrack", "sort"]) == 2  # differs, and of all
    assert page.rows.count(["tracker.max_misses", "15", "15"]) == 1
    assert len(page.values("src")) == 6


def test_doubtful_comparisons_are_said_to_be(tmp_path):
    one = write(tmp_path / "one", document(summary("street"), summary("avenue")))
    other = document()
    other["sequences"]["street"]["scores"]["car"]["GT_Dets"] = 81
    boxes = document(kind="boxes")
    folders = one, write(tmp_path / "other", other), write(tmp_path / "boxes", boxes)
    page = make(tmp_path, *folders)
    assert "other has no scores of avenue." in page.text
    assert "street, car: the evaluations do not have the same ground truth." in page.text
    assert "compare masks and others boxes" in page.text


def test_folders_of_one_name_are_told_apart(tmp_path):
    folders = [
        write(tmp_path / "a" / "sort", document()),
        write(tmp_path / "b" / "sort", document()),
    ]
    page = make(tmp_path, *folders)
    assert {row[1] for row in page.rows if row[0] == "car"} == {"a/sort", "b/sort"}


def test_missing_frames_are_listed(tmp_path):
    gaps = summary("street", frames_without_result=[2, 4, 5, 6], frames_without_image=[39])
    page = make(tmp_path, write(tmp_path / "sort", document(gaps)))
    assert ["sort", "street", "40", "1: 39", "4: 2, 4-6"] in page.rows


def test_live_runs_say_what_they_dropped(tmp_path):
    live = {"rate": 1.0, "images_sent": 40, "answered": 30, "dropped": 10}
    live |= {"latency_ms": [80.0] * 30, "scores_of_answered": {"car": scores(63.5)}}
    content = document(summary("street", live=live, step_ms=None))
    page = make(tmp_path, write(tmp_path / "robot", content))
    assert "Live runs" in page.titles()
    assert "Time" not in page.titles()
    dropped = ["robot", "street", "× 1", "40", "30", "10 (25.0%)"]
    assert [*dropped, "51.5", "63.5", "-", "-"] in page.rows
    assert ["robot", "30", "80.0", "80.0", "80.0", "80.0"] in page.rows


def test_without_ground_truth_there_are_pictures_and_times(tmp_path):
    content = document(summary("street", scores=None, curves=None))
    content["combined"] = {"scores": {}, "curves": {}}
    page = make(tmp_path, write(tmp_path / "sort", content))
    assert {"Scores", "Scores by sequence", "HOTA curves"}.isdisjoint(page.titles())
    assert {"Time", "Sequences"} <= set(page.titles())


def test_what_evaluate_writes_can_be_read(tmp_path, monkeypatch):
    boxes = [(10 + 5 * i, 20, 40 + 5 * i, 40) for i in range(6)]
    image = np.full((48, 96, 3), 100, np.uint8)
    write_drive(tmp_path / "drive", [Frame(10**9 + i, "camera", image) for i in range(6)])
    truth = annotation((48, 96), [{1004: box} for box in boxes])
    kitti_mots.write(tmp_path / "drive.txt", truth)

    def step(frame):
        number = frame.stamp_ns - 10**9
        return tracked_frame((48, 96), {8 if number < 3 else 9: boxes[number]}, frame.stamp_ns)

    built = StepPipeline(step)
    monkeypatch.setattr("mots_ros.build.build_pipeline", lambda config: built)
    out = tmp_path / "evaluated"
    evaluate.main([str(tmp_path / "drive"), "--gt", str(tmp_path / "drive.txt"), "--out", str(out)])
    page = make(tmp_path, out)
    (row,) = (row for row in page.rows if row[0] == "car")
    measured = json.loads((out / "scores.json").read_text())["combined"]["scores"]["car"]
    assert float(row[2]) == pytest.approx(measured["HOTA"], abs=0.05)
    assert "id switch: frame000003 car 4" in page.values("alt")
    assert len(page.values("src")) == 3


def test_a_page_is_not_overwritten(tmp_path, capsys):
    folder = write(tmp_path / "sort", document())
    (tmp_path / "report.html").write_text("mine")
    line = refusal(capsys, folder, "--out", tmp_path / "report.html")
    assert f"{tmp_path / 'report.html'} exists; it is not overwritten" in line
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_page_in_no_folder(tmp_path, capsys):
    out = tmp_path / "nowhere" / "report.html"
    assert f"{out}: cannot write it" in refusal(
        capsys, write(tmp_path / "sort", document()), "--out", out
    )


def test_an_evaluation_twice(tmp_path, capsys):
    folder = write(tmp_path / "sort", document())
    line = refusal(capsys, folder, tmp_path / "x" / ".." / "sort", "--out", tmp_path / "r.html")
    assert "expected every evaluation once" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; expected the folder of a finished evaluation"),
        ("{", "scores.json: "),
        ("[]", "expected an object as content, found []"),
        ('{"drive": "a", "scores": {}}', "expected an object with 'kind' as content"),
        (document(kind="points"), 'expected masks or boxes as kind, found "points"'),
        (document(summary("a", frames="40")), 'a whole number as sequences.a.frames, found "40"'),
        (document(summary("a", step_ms=[1.0, None])), "a number as sequences.a.step_ms[1]"),
        (document(summary("a", live={"rate": 1})), "an object with 'images_sent' as sequences.a."),
        (
            document(combined={"scores": {}, "curves": {"car": {"alpha": []}}}),
            "an object with 'HOTA' as combined.curves.car",
        ),
    ],
)
def test_what_is_no_evaluation(tmp_path, capsys, content, said):
    if content is not None:
        content = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "scores.json").write_text(content)
    line = refusal(capsys, tmp_path, "--out", tmp_path / "report.html")
    assert str(tmp_path / "scores.json") in line
    assert said in line
    assert not (tmp_path / "report.html").exists()


def test_a_picture_that_is_none(tmp_path, capsys):
    folder = write(tmp_path / "sort", document())
    broken = folder / "sequences" / "street" / "tracks.png"
    broken.write_text("no picture")
    line = refusal(capsys, folder, "--out", tmp_path / "report.html")
    assert f"{broken}: expected a picture" in line


@pytest.mark.parametrize(
    ("high", "ticks"),
    [(59, [0, 20, 40, 60]), (0.9, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (100, [0, 20, 40, 60, 80, 100])],
)
def test_axes_have_round_ticks(high, ticks):
    axis = Axis.upto("ms", high)
    assert list(axis.ticks) == pytest.approx(ticks)
    assert axis.high == pytest.approx(ticks[-1])


def test_lines_go_from_corner_to_corner():
    axis = Axis("", 0, 10, (0, 10))
    chart = line_chart("a chart", [Line("s0", [(0, 0), (10, 10)])], axis, axis)
    path = re.search(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', chart)
    left, bottom, right, top = map(float, path.groups())
    assert left < right
    assert bottom > top
    assert f'y1="{bottom}"' in chart  # the axis
    assert f'y1="{top}"' in chart  # the uppermost grid line


def test_frames_in_a_row_are_one_range():
    assert ranges([2, 4, 5, 6, 9]) == "2, 4-6, 9"
    assert ranges([]) == ""
