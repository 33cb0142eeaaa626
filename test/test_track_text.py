"""Tracks as text: which format a file is in, and which file is a sequence's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import shared
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.rle import encode
from mots_ros.data.track_text import (
    FORMATS,
    KITTI,
    KITTI_MOTS,
    MOT_CHALLENGE,
    MOTS_CHALLENGE,
    file_of,
    files_in,
    recognise,
    stated_extent,
)

RLE = encode(np.ones((4, 6), bool)).decode()
MASK_IN_FRAME_0 = f"0 2001 2 4 6 {RLE}\n"
CAR = f"1 1001 1 4 6 {RLE}\n"
PEDESTRIAN = f"1 2001 2 4 6 {RLE}\n2 10000 10 4 6 {RLE}\n"
KITTI_BOX = "0 0 Car 0 0 -1.79 296.7 161.7 455.2 292.3 2.0 1.8 4.4 -4.5 1.8 13.4 -2.1\n"
MOT_BOX = "1,1,912,484,97,109,0,7,1\n"


def write(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return [folder / f"{name}.txt" for name in texts]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (MASK_IN_FRAME_0, KITTI_MOTS),
        (PEDESTRIAN + CAR, KITTI_MOTS),
        (KITTI_BOX, KITTI),
        (f"\n{MOT_BOX}", MOT_CHALLENGE),
    ],
)
def test_content_tells_the_format(tmp_path, text, form):
    assert recognise(write(tmp_path, a="", b=text, c="")) == form


def test_one_file_may_tell_what_the_others_are(tmp_path):
    assert recognise(write(tmp_path, a=PEDESTRIAN, b=CAR)) == KITTI_MOTS


def test_the_place_tells_mots_challenge(tmp_path):
    gt = tmp_path / "MOTS20-02" / "gt"
    gt.mkdir(parents=True)
    files = write(gt, gt=PEDESTRIAN)
    assert recognise(files) == MOTS_CHALLENGE
    assert recognise([*files, *write(tmp_path, results=PEDESTRIAN)]) == MOTS_CHALLENGE
    with pytest.raises(AnnotationError, match="expected MOTS Challenge masks .*KITTI MOTS masks"):
        recognise([*files, *write(tmp_path, results=MASK_IN_FRAME_0)])


def test_what_may_be_either_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match=r"a.txt: .* --format kitti_mots or --format mots_"):
        recognise(write(tmp_path, a=PEDESTRIAN))


def test_two_formats_are_refused(tmp_path):
    files = write(tmp_path, a=KITTI_BOX, b=MOT_BOX)
    with pytest.raises(AnnotationError, match=r"b.txt: expected KITTI tracking boxes .*a.txt"):
        recognise(files)


def test_another_format_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match=r"a.txt:1: expected KITTI MOTS masks, .*found 'x y'"):
        recognise(write(tmp_path, a="x y"))


def test_files_by_their_sequence(tmp_path):
    inner = tmp_path / "MOT17-02" / "gt" / "gt.txt"
    inner.parent.mkdir(parents=True)
    inner.write_text(MOT_BOX)
    (flat,) = write(tmp_path, **{"0001": KITTI_BOX})
    assert files_in(tmp_path) == {"0001": flat, "MOT17-02": inner}
    assert files_in(inner) == files_in(tmp_path / "MOT17-02") == {"MOT17-02": inner}
    assert files_in(flat) == {"0001": flat}
    assert file_of(tmp_path, "0001") == file_of(flat, "another") == flat
    with pytest.raises(AnnotationError, match=r"0002.txt: expected this file, .*0001, MOT17-02"):
        file_of(tmp_path, "0002")
    with pytest.raises(AnnotationError, match=r"gone: expected a text file, .* found nothing"):
        files_in(tmp_path / "gone")


def test_what_lies_beside_a_truth_says_how_long_it_is(tmp_path):
    (flat,) = write(tmp_path, **{"0001": KITTI_BOX})
    assert stated_extent(flat, "0001") == (None, None)
    seqmap = tmp_path / "evaluate_mots.seqmap.val"
    seqmap.write_text("0000 empty 000000 000153\n0001 empty 000000 000446\n")
    assert stated_extent(flat, "0001") == (447, None)
    # Sorts first, speaks of other drives.
    (tmp_path / "evaluate_mots.seqmap.test").write_text("0001 empty 000000 000200\n")
    assert stated_extent(flat, "0001") == (447, None)
    boxes = tmp_path / "boxes" / "evaluate_tracking.seqmap.training"
    boxes.parent.mkdir()
    boxes.write_text("0001 empty 000000 000447\n")
    assert stated_extent(boxes.parent / "0001.txt", "0001") == (447, None)
    seqmap.write_text("0001 447\n")
    with pytest.raises(AnnotationError, match="seqmap.val:1: expected '0001 empty"):
        stated_extent(flat, "0001")

    ini = tmp_path / "MOT17-02" / "seqinfo.ini"
    (ini.parent / "gt").mkdir(parents=True)
    inner = ini.parent / "gt" / "gt.txt"
    ini.write_text("[Sequence]\nname=MOT17-02\nseqLength=600\nimWidth=1920\nimHeight=1080\n")
    assert stated_extent(inner, "MOT17-02") == (600, (1080, 1920))
    ini.write_text("[Sequence]\nseqLength=many\n")
    with pytest.raises(AnnotationError, match=r"seqinfo.ini: expected seqLength, imWidth"):
        stated_extent(inner, "MOT17-02")


def test_the_real_annotations_are_recognised_and_pass_every_check():
    files = files_in(shared.data("kitti_mots") / "instances_txt")
    assert len(files) == 12
    for path in files.values():
        assert recognise([path]) == FORMATS["kitti_mots"]
        KITTI_MOTS.read(path, is_truth=True)
