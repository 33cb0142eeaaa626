"""Outlines on photographs become objects: classes, overlaps, and a clear error for every fault."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.polygons import coco_drives, polygon_drives
from mots_ros.data.rle import encode
from shared import data
from test_image_messages import with_orientation

HEIGHT, WIDTH = 20, 40


def add_photo(path: Path, size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), (10, 20, 30), np.uint8))


def rectangle(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def line(class_id: int, *box: float) -> str:
    x1, y1, x2, y2 = box
    corners = rectangle(x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT)
    return f"{class_id} {' '.join(map(str, corners))}\n"


def yolo(root: Path, labels: str, name: str = "train/a") -> Path:
    add_photo(root / "images" / f"{name}.png")
    path = root / "labels" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(labels)
    return root


def test_outlines_by_hand(tmp_path: Path) -> None:
    labels = line(0, 2, 4, 6, 16) + line(2, 10, 0, 20, 10) + line(0, 30, 0, 40, 20)
    (drive,) = polygon_drives(yolo(tmp_path, labels))
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    expected[4:16, 2:6] = 2001
    expected[:10, 10:20] = 1001
    expected[:, 30:] = 2002
    image, instances = drive.load()
    np.testing.assert_array_equal(instances, expected)
    assert instances.dtype == np.uint16
    assert (image == (30, 20, 10)).all()
    assert next(iter(drive)).instances.shape == (18, 40)


def test_smaller_objects_are_in_front_in_any_order(tmp_path: Path) -> None:
    car, person, truck = line(2, 4, 4, 24, 14), line(0, 10, 4, 14, 18), line(7, 0, 0, 40, 20)
    for number, labels in enumerate((car + person + truck, truck + person + car)):
        (drive,) = polygon_drives(yolo(tmp_path / str(number), labels))
        _, instances = drive.load()
        assert (instances[4:18, 10:14] == 2001).all()
        assert (instances[4:14, 4:10] == 1001).all()
        assert instances[0, 0] == instances[16, 5] == 10000


def test_classes_of_yolo(tmp_path: Path) -> None:
    labels = "".join(line(k, 4 * k, 0, 4 * k + 4, 20) for k in range(10))
    (drive,) = polygon_drives(yolo(tmp_path, labels))
    _, instances = drive.load()
    found = [2001, 0, 1001, 0, 0, 10000, 0, 10000, 0, 0]
    np.testing.assert_array_equal(instances[0, ::4], found)


def test_photographs_without_people_and_cars_are_left_out(tmp_path: Path) -> None:
    yolo(tmp_path, line(0, 0, 0, 9, 9), "train/b.side")
    yolo(tmp_path, line(2, 0, 0, 9, 9), "val/a")
    yolo(tmp_path, line(7, 0, 0, 9, 9), "train/truck")
    yolo(tmp_path, "\n", "train/empty")
    add_photo(tmp_path / "images" / "unlabelled.png")
    (tmp_path / "labels" / "train" / "photoless.txt").write_text(line(0, 0, 0, 9, 9))
    (tmp_path / "labels" / "readme.txt").write_text("nothing to see\n")
    names = [drive.name for drive in polygon_drives(tmp_path)]
    assert [name.rpartition("_")[0] for name in names] == ["polygons_b.side", "polygons_a"]
    with pytest.raises(DriveError, match="no: expected photographs images.*, found none"):
        polygon_drives(yolo(tmp_path / "no", line(7, 0, 0, 9, 9)))


@pytest.mark.parametrize(
    "fault",
    [
        "0 0.1 0.1 0.2 0.2",  # a box, or two corners
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4",
        "0 0.1 0.1 0.2 0.2 0.3 1.01",
        "0 0.1 0.1 0.2 0.2 0.3 -0.01",
        "0 0.1 0.1 0.2 0.2 0.3 nan",
        "0 0.1 0.1 0.2 0.2 0.3 x",
        "person 0.1 0.1 0.2 0.2 0.3 0.1",
        "0.0 0.1 0.1 0.2 0.2 0.3 0.1",
        "-1 0.1 0.1 0.2 0.2 0.3 0.1",
        "9 0.1",
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, fault: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        polygon_drives(yolo(tmp_path, f"{line(0, 0, 0, 9, 9)}\n{fault}\n"))
    assert str(caught.value).startswith(f"{tmp_path}/labels/train/a.txt:3: expected class x1 y1 ")
    assert repr(fault) in str(caught.value)


def test_an_unreadable_photo_is_named(tmp_path: Path) -> None:
    (drive,) = polygon_drives(yolo(tmp_path, line(0, 0, 0, 9, 9)))
    (tmp_path / "images" / "train" / "a.png").write_bytes(b"no image")
    with pytest.raises(DriveError, match="a.png: expected a PNG or JPEG image"):
        list(drive)


def test_names_tell_the_content(tmp_path: Path) -> None:
    def name(root: str, labels: str) -> str:
        (drive,) = polygon_drives(yolo(tmp_path / root, labels))
        return drive.name

    first = name("here", line(0, 0, 0, 9, 9))
    assert name("there", line(0, 0, 0, 9, 9)) == first
    assert name("here", line(0, 0, 0, 9, 8)) != first


COCO: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "b.png", "height": HEIGHT, "width": WIDTH},
        {"id": 3, "file_name": "a.png", "height": HEIGHT, "width": WIDTH},
        {"id": 4, "file_name": "c.png", "height": HEIGHT, "width": WIDTH},
    ],
    "categories": [
        {"id": 1, "name": "person"},
        {"id": 5, "name": "car"},
        {"id": 6, "name": "bus"},
        {"id": 8, "name": "truck"},
        {"id": 9, "name": "dog"},
    ],
    "annotations": [
        {"id": 10, "image_id": 7, "category_id": 5, "iscrowd": 0, "segmentation": [[]]},
        {"id": 11, "image_id": 3, "category_id": 1, "iscrowd": 0, "segmentation": [[]]},
        {"id": 12, "image_id": 3, "category_id": 8, "iscrowd": 0, "segmentation": [[]]},
        {"id": 13, "image_id": 3, "category_id": 9, "iscrowd": 0, "segmentation": [[]]},
        {"id": 14, "image_id": 3, "category_id": 1, "iscrowd": 1, "segmentation": {}},
        {"id": 15, "image_id": 4, "category_id": 6, "iscrowd": 0, "segmentation": [[]]},
    ],
}
CROWD = np.zeros((HEIGHT, WIDTH), bool)
CROWD[10:20, 30:40] = True
COCO["annotations"][0]["segmentation"] = [rectangle(0, 0, 4, 4), rectangle(10, 0, 14, 4)]
COCO["annotations"][1]["segmentation"] = [rectangle(2, 4, 6, 16)]
COCO["annotations"][2]["segmentation"] = [rectangle(10, 0, 50, 5)]  # sticks out
COCO["annotations"][3]["segmentation"] = [rectangle(20, 10, 24, 14)]
COCO["annotations"][4]["segmentation"] = {
    # Down the columns: 30 columns and 10 rows without, then 10 with and 10 without in turn.
    "counts": [30 * HEIGHT + 10, *[10] * 19],
    "size": [HEIGHT, WIDTH],
}
COCO["annotations"][5]["segmentation"] = [rectangle(0, 0, 9, 9)]


def coco(root: Path, content: object) -> tuple[Path, Path]:
    for name in "abc":
        add_photo(root / "images" / f"{name}.png")
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "instances.json").write_text(text)
    return root / "images", root / "instances.json"


def test_instances_of_coco_by_hand(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = coco_drives(*coco(tmp_path, COCO))
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    expected[4:16, 2:6] = 2001
    expected[:5, 10:] = 10000
    expected[CROWD] = 10000
    np.testing.assert_array_equal(first.load()[1], expected)
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    expected[:4, :4] = expected[:4, 10:14] = 1001
    np.testing.assert_array_equal(second.load()[1], expected)
    assert first.name.startswith("coco_a_")
    assert second.name.startswith("coco_b_")
    assert next(iter(second)).frame.size == (18, 40)
    assert capfd.readouterr() == ("", "")


def test_runs_of_coco_may_be_compressed(tmp_path: Path) -> None:
    content = copy.deepcopy(COCO)
    content["annotations"][4]["segmentation"]["counts"] = encode(CROWD).decode()
    plain, packed = (
        coco_drives(*coco(tmp_path / name, one))[0] for name, one in (("p", COCO), ("c", content))
    )
    np.testing.assert_array_equal(plain.load()[1], packed.load()[1])
    assert plain.name != packed.name


def _segmentation(value: object, number: int = 0) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["annotations"][number].update(segmentation=value)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_segmentation([[1, 2, 3, 4]]), "annotation 10: expected polygons or runs in 40 x 20"),
        (_segmentation([[1, 2, 3, 4, 5, 6, 7]]), "annotation 10: expected"),
        (_segmentation([[1, 2, 3, 4, 5, float("nan")]]), "annotation 10: expected"),
        (_segmentation([[1, 2, 3, 4, 5, "x"]]), "annotation 10: expected"),
        (_segmentation([]), "annotation 10: expected"),
        (_segmentation(None), "annotation 10: expected"),
        (_segmentation({"counts": [5], "size": [20, 40]}, 4), "runs that fill 800 pixels"),
        (_segmentation({"counts": [900, 5], "size": [20, 40]}, 4), "runs that fill 800 pixels"),
        (_segmentation({"counts": [-5, 805], "size": [20, 40]}, 4), "annotation 14: expected"),
        (_segmentation({"counts": "zz", "size": [20, 40]}, 4), "annotation 14: expected"),
        (_segmentation({"counts": [800], "size": [40, 20]}, 4), "found the size [40, 20]"),
        (_segmentation({"counts": ["a"], "size": [20, 40]}, 4), "annotation 14: expected"),
        (lambda content: content["annotations"][0].pop("segmentation"), "annotation 10: expected"),
        (lambda content: content["annotations"][0].pop("image_id"), "expected COCO's instances"),
        (lambda content: content["images"][0].pop("height"), "'height'"),
        (lambda content: content["images"][0].update(height="tall"), "invalid literal"),
        (lambda content: content["images"][0].pop("id"), "expected COCO's instances"),
        (lambda content: content.pop("categories"), "expected COCO's instances"),
        (lambda content: content.update(annotations=[]), "expected COCO's instances"),
        (lambda content: content["categories"].clear(), "expected COCO's instances"),
        (lambda content: content["categories"].__delitem__(slice(2)), "people or cars, found none"),
    ],
)
def test_malformed_instances_are_named(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], text: str
) -> None:
    content = copy.deepcopy(COCO)
    spoil(content)
    images, annotations = coco(tmp_path, content)
    with pytest.raises((AnnotationError, DriveError)) as caught:
        coco_drives(images, annotations)
    assert str(caught.value).startswith(f"{annotations}: ")
    assert text in str(caught.value)


@pytest.mark.parametrize("content", ["no json", "[]", '{"images": 3}', '"text"', "{}"])
def test_other_files_are_no_coco(tmp_path: Path, content: str) -> None:
    with pytest.raises(AnnotationError, match="instances.json: expected COCO's instances as JSON"):
        coco_drives(*coco(tmp_path, content))


def test_missing_files_are_named(tmp_path: Path) -> None:
    images, annotations = coco(tmp_path, COCO)
    with pytest.raises(AnnotationError, match="absent.json: cannot read it"):
        coco_drives(images, tmp_path / "absent.json")
    (images / "c.png").unlink()  # which is not needed
    assert len(coco_drives(images, annotations)) == 2
    (images / "b.png").unlink()
    with pytest.raises(DriveError, match="b.png: cannot read it"):
        coco_drives(images, annotations)


def test_a_photo_of_another_size_is_named(tmp_path: Path) -> None:
    images, annotations = coco(tmp_path, COCO)
    add_photo(images / "a.png", (10, 40))
    first, _ = coco_drives(images, annotations)
    with pytest.raises(DriveError, match="a.png: expected 40 x 20 pixels .*, found 40 x 10"):
        list(first)


def test_outlines_of_coco_are_those_of_the_stored_pixels(tmp_path: Path) -> None:
    images, annotations = coco(tmp_path, COCO)
    first, _ = coco_drives(images, annotations)
    (photo,) = images.glob("a.*")
    _, jpeg = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    photo.write_bytes(with_orientation(jpeg.tobytes(), 6))
    image, _ = first.load()
    assert image.shape == (HEIGHT, WIDTH, 3)


def test_more_objects_than_numbers_are_refused(tmp_path: Path) -> None:
    (drive,) = polygon_drives(yolo(tmp_path, line(0, 0, 0, 9, 9) * 1000))
    with pytest.raises(AnnotationError, match="a.png: expected at most 999 objects of a class"):
        drive.load()


def test_drives_travel_light(tmp_path: Path) -> None:
    labelled = polygon_drives(yolo(tmp_path / "yolo", line(0, 0, 0, 9, 9)))
    for drive in (*coco_drives(*coco(tmp_path, COCO)), *labelled):
        sent = pickle.dumps(drive)
        assert len(sent) < 2000
        assert len(list(pickle.loads(sent))) == 6


def test_real_photographs() -> None:
    drives = polygon_drives(data("coco128_seg"))
    assert len(drives) == 69
    drive = next(drive for drive in drives if "_000000000036_" in drive.name)
    image, instances = drive.load()
    # A woman, who fills a third of the photograph.
    assert image.shape[:2] == instances.shape == (640, 481)
    assert np.unique(instances).tolist() == [0, 2001]
    assert 0.2 < (instances == 2001).mean() < 0.5
