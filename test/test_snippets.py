"""Samples of several frames: in one view, in order, with identities of the whole training set."""

import numpy as np
import pytest
import torch

from mots_ros.training import samples as module
from mots_ros.training import snippets
from mots_ros.training.clips import Clip
from mots_ros.training.snippets import Snippet, SnippetDataset, collate, make_snippet
from toy_drive import toy_clip

WHOLE = np.eye(2, 3)
CROP = (256, 832)
NUMBERS = {1001: 4, 2001: 7}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return toy_clip(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are read exactly at their centres."""
    monkeypatch.setattr(module, "JITTER", 0.0)


def snippet_of(clip: Clip, *frames: int) -> Snippet:
    return make_snippet(clip, frames, WHOLE, CROP, np.random.default_rng(0), NUMBERS)


def test_a_snippet_by_hand(clip: Clip) -> None:
    """The car drives 24 stored pixels a frame, six map pixels; the pedestrian leaves after ten."""
    snippet = snippet_of(clip, 7, 8, 10)
    assert [identities.tolist() for identities in snippet.identities] == [[4, 7], [4, 7], [4]]
    centres = [targets.centres[0].tolist() for targets in snippet.targets]
    assert centres == [[36 + 6 * frame, 32] for frame in (7, 8, 10)]
    assert [places[0].tolist() for places in snippet.places] == centres
    assert [image.shape for image in snippet.images] == [(*CROP, 3)] * 3


def test_a_batch_lists_objects_snippet_by_snippet(clip: Clip) -> None:
    staying, leaving = snippet_of(clip, 4, 5), snippet_of(clip, 9, 10)
    batch = collate([staying, leaving])
    assert batch.length == 2
    assert batch.images.shape == (4, *CROP, 3)
    np.testing.assert_array_equal(batch.images[2], leaving.images[0])
    assert batch.counts == (2, 2, 2, 1)
    assert batch.frame.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert batch.identity.tolist() == [4, 7, 4, 7, 4, 7, 4]
    assert batch.label.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert batch.heat.shape == batch.heat_weight.shape == (4, 2, 64, 208)
    assert batch.masks.shape == (7, *CROP)
    moved = batch.to(torch.device("cpu"))
    assert moved.counts == batch.counts and moved.length == 2


def test_one_step_of_a_batch(clip: Clip) -> None:
    batch = collate([snippet_of(clip, 4, 5), snippet_of(clip, 9, 10)])
    last = batch.step(1)
    assert last.length == 1 and last.counts == (2, 1)
    assert last.frame.tolist() == [0, 0, 1]
    assert last.identity.tolist() == [4, 7, 4]
    torch.testing.assert_close(last.images, batch.images[[1, 3]])
    torch.testing.assert_close(last.heat, batch.heat[[1, 3]])
    torch.testing.assert_close(last.centre, batch.centre[[2, 3, 6]])
    torch.testing.assert_close(last.masks, batch.masks[[2, 3, 6]])


def test_identities_are_those_of_the_whole_training_set(clip: Clip) -> None:
    """Two clips with the same numbers of their own are of four different objects."""
    samples = SnippetDataset([clip, clip], [1, 1], (64, 128), 0, length=2, max_gap=1)
    assert samples.identities == 4
    seen = {
        (identity, label)
        for sample in (samples[i] for i in range(40))
        for identities, targets in zip(sample.identities, sample.targets, strict=True)
        for identity, label in zip(identities.tolist(), targets.labels.tolist(), strict=True)
    }
    assert seen == {(0, 0), (1, 1), (2, 0), (3, 1)}


def test_neighbours_are_at_most_the_gap_apart(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippets, "make_snippet", lambda _, frames, *__: frames)
    samples = SnippetDataset([clip], [1], (64, 64), 0, length=3, max_gap=2)
    chosen = [samples[i] for i in range(200)]
    assert {tuple(np.diff(frames)) for frames in chosen} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert min(map(min, chosen)) == 0 and max(map(max, chosen)) == len(clip) - 1


def test_a_clip_that_is_too_short_repeats_its_last_frame(clip: Clip) -> None:
    short = Clip(clip.images[:2], clip.instances[:2], clip.boxes[:2], clip.scale)
    samples = SnippetDataset([short], [1], (64, 64), 0, length=4, max_gap=3)
    sample = next(s for s in map(samples.__getitem__, range(20)) if len(s.identities[1]))
    np.testing.assert_array_equal(sample.targets[2].centres, sample.targets[1].centres)
    np.testing.assert_array_equal(sample.targets[3].heat, sample.targets[1].heat)
