"""Entries of a training plan become drives, and a mistyped entry says what it should have been."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from mots_ros.core.types import Frame
from mots_ros.data.bags import write_drive
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.rle import encode
from mots_ros.data.sources import annotated_classes, open_source
from mots_ros.data.street import StreetDrive
from shared import data

SIZE = (40, 120)


def names_of(text: str) -> list[str]:
    """The names of the drives that an entry in YAML opens."""
    return [drive.name for drive in open_source(yaml.safe_load(text))]


def add_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*SIZE, 3), 90, np.uint8))


def add_text(path: Path, *frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SIZE, bool)
    mask[10:30, 20:60] = True
    rle = encode(mask).decode()
    path.write_text("".join(f"{k} 1001 1 {SIZE[0]} {SIZE[1]} {rle}\n" for k in frames))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_equal(late: AnnotatedDrive, made: AnnotatedDrive) -> None:
    late = pickle.loads(pickle.dumps(late))
    assert (late.name, late.class_names, len(late)) == (made.name, made.class_names, len(made))
    for a, b in zip(late, made, strict=True):
        assert a.frame.stamp_ns == b.frame.stamp_ns
        np.testing.assert_array_equal(a.frame.image, b.frame.image)
        np.testing.assert_array_equal(a.instances, b.instances)


@pytest.mark.parametrize(
    ("source", "annotated"),
    [
        ({"kind": "street"}, (True, True)),
        ({"kind": "mots_challenge"}, (False, True)),
        ({"kind": "mots_challenge", "classes": ["car", "pedestrian"]}, (True, True)),
        ({"kind": "bag", "classes": ["car"]}, (True, False)),
    ],
)
def test_which_classes_are_annotated(source: dict[str, Any], annotated: tuple[bool, ...]) -> None:
    assert annotated_classes(source) == annotated


def test_street() -> None:
    drives = open_source({"kind": "street", "seeds": [1000, 1002], "length": 80})
    assert [drive.name for drive in drives] == ["street_1000", "street_1001", "street_1002"]
    assert [len(drive) for drive in drives] == [80, 80, 80]
    assert len(pickle.dumps(drives)) < 1000
    (drive,) = open_source({"kind": "street", "seeds": [7, 7], "length": 1})
    assert_equal(drive, StreetDrive(7, 1))


def test_replica(here: Path) -> None:
    for name in ("0000", "0001", "0002"):
        add_text(here / "masks" / f"{name}.txt", 0)
    add_text(here / "mine.txt", 0, 1)

    def stems(text: str) -> list[str]:
        return [name[: -len("_checksum")] for name in names_of(text)]

    assert stems("{kind: replica, annotations: masks, seed: 5}") == [
        "replica_0000_5",
        "replica_0001_5",
        "replica_0002_5",
    ]
    assert stems('{kind: replica, annotations: [masks], only: ["0002", "0000"], seed: 5}') == [
        "replica_0000_5",
        "replica_0002_5",
    ]
    assert stems("{kind: replica, annotations: [mine.txt, masks/0001.txt], seed: 5}") == [
        "replica_mine_5",
        "replica_0001_5",
    ]
    (drive,) = open_source({"kind": "replica", "annotations": "mine.txt", "seed": 5})
    assert_equal(
        dataclasses.replace(drive, name="replica_mine_5"), ReplicaDrive(here / "mine.txt", 5)
    )
    add_text(here / "mine.txt", 0, 1, 2)
    (corrected,) = open_source({"kind": "replica", "annotations": "mine.txt", "seed": 5})
    assert corrected.name != drive.name
    with pytest.raises(ValueError, match=r"'only' names '0009', which .*; did you mean '000[0-2]'"):
        names_of('{kind: replica, annotations: masks, only: ["0009"], seed: 5}')
    with pytest.raises(ValueError, match="absent.txt: cannot read it"):
        names_of("{kind: replica, annotations: [mine.txt, absent.txt], seed: 5}")
    (here / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: expected annotations NNNN.txt, found none"):
        names_of("{kind: replica, annotations: empty, seed: 5}")


def test_photographs(here: Path) -> None:
    add_image(here / "street" / "a.jpg")
    assert cv2.imwrite(str(here / "street" / "a.png"), np.zeros(SIZE, np.uint8))
    (name,) = names_of("{kind: camvid, folder: street}")
    assert name.startswith("camvid_a_")
    assert cv2.imwrite(str(here / "street" / "a.png"), np.full(SIZE, 11, np.uint8))
    assert names_of("{kind: camvid, folder: street}") != [name]

    add_image(here / "outlined" / "images" / "b.jpg")
    (here / "outlined" / "labels").mkdir()
    (here / "outlined" / "labels" / "b.txt").write_text("2 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (name,) = names_of("{kind: polygons, folder: outlined}")
    assert name.startswith("polygons_b_")

    (here / "instances.json").write_text(
        '{"images": [{"id": 1, "file_name": "b.jpg", "height": 40, "width": 120}],'
        ' "categories": [{"id": 1, "name": "person"}],'
        ' "annotations": [{"id": 1, "image_id": 1, "category_id": 1,'
        ' "segmentation": [[1, 1, 30, 1, 30, 30]]}]}'
    )
    (name,) = names_of("{kind: coco, images: outlined/images, annotations: instances.json}")
    assert name.startswith("coco_b_")


def test_recordings(here: Path) -> None:
    for name in ("0002", "0006"):
        add_image(here / "image_02" / name / "000000.png")
        add_text(here / "instances_txt" / f"{name}.txt", 0)
        add_image(here / "train" / name / "img1" / "000001.jpg")
        add_text(here / "train" / name / "gt" / "gt.txt", 1)
    entry = "{kind: kitti_mots, images: image_02, annotations: instances_txt"
    assert [n[:15] for n in names_of(entry + "}")] == ["kitti_mots_0002", "kitti_mots_0006"]
    (name,) = names_of(entry + ', sequences: ["0006"]}')
    assert name.startswith("kitti_mots_0006_")
    entry = "{kind: mots_challenge, folder: train"
    assert [n[:19] for n in names_of(entry + "}")] == [
        "mots_challenge_0002",
        "mots_challenge_0006",
    ]
    (name,) = names_of(entry + ', sequences: ["0006"]}')
    assert name.startswith("mots_challenge_0006_")


def test_a_bag(here: Path) -> None:
    write_drive(here / "ride", [Frame(5, "camera", np.zeros((*SIZE, 3), np.uint8))])
    add_text(here / "ride.txt", 0)
    (drive,) = open_source({"kind": "bag", "bag": "ride", "annotation": "ride.txt"})
    (item,) = drive
    assert item.frame.stamp_ns == 5
    assert (item.instances == 1001).sum() == 20 * 40
    with pytest.raises(ValueError, match="expected images on /front"):
        names_of("{kind: bag, bag: ride, annotation: ride.txt, topic: /front}")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({}, "'kind' is missing; known: street, replica, camvid"),
        ({"kind": "stret"}, "unknown kind 'stret'; did you mean 'street'?"),
        ({"kind": "xyz"}, "unknown kind 'xyz'; known: street, replica, camvid"),
        ({"kind": None}, "unknown kind None; known: street"),
        ({"kind": ["street"]}, "unknown kind ['street']; "),
        (
            {"kind": "street", "seed": [1, 2], "length": 3},
            "kind 'street': unknown key 'seed'; did you mean 'seeds'?",
        ),
        ({"kind": "camvid", "folder": "x", 3: 4}, "kind 'camvid': unknown key '3'; known: folder"),
        (
            {"kind": "street", "seeds": [1, 2]},
            "kind 'street': 'length' is missing; it needs seeds, length",
        ),
        (
            {"kind": "kitti_mots", "images": "x"},
            "'annotations' is missing; it needs images, annotations and may have sequences",
        ),
        ({"kind": "street", "seeds": [2, 1], "length": 3}, "'seeds' must be the first and the la"),
        ({"kind": "street", "seeds": [1, 2, 3], "length": 3}, "'seeds' must be the first"),
        ({"kind": "street", "seeds": [-1, 2], "length": 3}, "'seeds' must be the first"),
        ({"kind": "street", "seeds": [True, 2], "length": 3}, "'seeds' must be the first"),
        ({"kind": "street", "seeds": [1.0, 2], "length": 3}, "not [1.0, 2]"),
        ({"kind": "street", "seeds": 1000, "length": 3}, "not 1000"),
        ({"kind": "street", "seeds": [1, 2], "length": 0}, "'length' must be a number of frames"),
        ({"kind": "street", "seeds": [1, 2], "length": "80"}, "'length' must be a number of fra"),
        ({"kind": "camvid", "folder": 5}, "kind 'camvid': 'folder' must be a path, not 5"),
        ({"kind": "camvid", "folder": ""}, "'folder' must be a path, not ''"),
        ({"kind": "replica", "annotations": [], "seed": 1}, "'annotations' must be a path or a li"),
        ({"kind": "replica", "annotations": ["a", 1], "seed": 1}, "'annotations' must be a path"),
        ({"kind": "replica", "annotations": "a", "seed": -1}, "'seed' must be a whole number"),
        (
            {"kind": "mots_challenge", "folder": "x", "sequences": [2]},
            "'sequences' must be a list of names in quotes",
        ),
        ({"kind": "mots_challenge", "folder": "x", "sequences": []}, "'sequences' must be a list"),
        ({"kind": "mots_challenge", "folder": "x", "sequences": "0002"}, "must be a list of names"),
        ({"kind": "bag", "bag": "b", "annotation": "a", "topic": 1}, "'topic' must be a text"),
    ],
)
def test_a_mistyped_entry_is_explained(entry: dict[Any, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_source(entry)
    assert text in str(caught.value)


def test_numbers_without_quotes_are_no_names() -> None:
    # YAML reads an octal number.
    with pytest.raises(ValueError, match=r'such as \["0002", "0006"\], not \[2\]'):
        names_of("{kind: mots_challenge, folder: x, sequences: [0002]}")


@pytest.mark.parametrize(
    "entry",
    [
        "{kind: camvid, folder: absent}",
        "{kind: polygons, folder: absent}",
        "{kind: coco, images: absent, annotations: absent}",
        "{kind: kitti_mots, images: absent, annotations: absent}",
        "{kind: mots_challenge, folder: absent}",
        "{kind: bag, bag: absent, annotation: absent}",
        "{kind: replica, annotations: absent, seed: 1}",
    ],
)
def test_what_is_not_there_is_named(here: Path, entry: str) -> None:
    with pytest.raises(ValueError, match="absent: "):
        names_of(entry)


def test_real_photographs() -> None:
    drives = open_source({"kind": "camvid", "folder": str(data("camvid/val"))})
    assert len(drives) == 101
    assert all(drive.name.startswith("camvid_") for drive in drives)
