"""Training data are joined by image id, come from the training partition alone, and are split as asked."""

import hashlib

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings import stored_rows
from pipeline_lib.recordings.store import open_store
from pipeline_lib.training.data import open_training_set
from pipeline_lib.training.validation import split_validation
from tests.training.conftest import DIM, N_CHANNELS, N_TRAIN, write_subject


def opened(study, settings, subjects=("sub-01",), repeats="mean"):
    table = read_stimulus_table(study.stimuli)
    return open_training_set([study.store(s) for s in subjects], study.features, table, settings.target, repeats)


def load(study, settings, subjects=("sub-01",), repeats="mean"):
    data = opened(study, settings, subjects, repeats)
    return data.read([torch.arange(len(data.samples))])[0]


def split(data, settings, *, seed=0, **changes):
    params = settings.train.validation.model_copy(update=changes)
    generator = torch.Generator().manual_seed(seed)
    parts = split_validation(data.samples, params, n_subjects=data.n_subjects, generator=generator)
    return data.read(parts)


def test_each_response_meets_the_features_of_its_own_image(study, settings):
    data = load(study, settings)
    means = open_store(study.store("sub-01")).means(test=False)
    features = np.random.default_rng(1).normal(size=(70, DIM)).astype(np.float32)
    for row, image_id in enumerate(means.image_ids):
        expected = features[int(image_id.removeprefix("image"))]
        np.testing.assert_array_equal(data.features.image[data.item[row]], expected)
        np.testing.assert_array_equal(data.brain[row], means.epochs[row])


def test_only_training_images_are_read(study, settings):
    data = load(study, settings)
    assert len(data) == len(data.features.image) == N_TRAIN


def test_repeats_are_averaged_or_single(study, settings):
    single = load(study, settings, repeats="single")
    mean = load(study, settings, repeats="mean")
    assert len(single) == 2 * len(mean)
    item = int(mean.item[3])
    torch.testing.assert_close(single.brain[single.item == item].mean(0), mean.brain[mean.item == item][0])


def test_subjects_follow_one_another(study, settings):
    both = load(study, settings, subjects=("sub-01", "sub-02"))
    second = load(study, settings, subjects=("sub-02",))
    torch.testing.assert_close(both.brain[N_TRAIN:], second.brain)
    assert both.item[N_TRAIN:].tolist() == second.item.tolist()


@pytest.mark.parametrize("kind", ["samples", "images", "concepts"])
def test_validation_and_training_share_no_sample(study, settings, kind):
    data = opened(study, settings, subjects=("sub-01", "sub-02"))
    train, valid = split(data, settings, split=kind)
    rows = {row.numpy().tobytes() for row in train.brain}
    assert not rows & {row.numpy().tobytes() for row in valid.brain}
    assert len(train) + len(valid) == len(data.samples)


def test_a_part_holds_its_samples_whatever_the_order_and_the_pieces(study, settings, monkeypatch):
    both = ("sub-01", "sub-02")
    whole = load(study, settings, subjects=both, repeats="single")
    monkeypatch.setattr(stored_rows, "BLOCK_BYTES", 1)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    for rows, part in zip(
        order.split(150), opened(study, settings, both, "single").read(order.split(150)), strict=True
    ):
        for name in ("brain", "item", "subject"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[rows])


def test_what_is_read_is_prepared_and_kept_in_the_type_asked_for(study, settings):
    data = opened(study, settings)
    part = data.read([torch.arange(N_TRAIN)], prepare=lambda epochs: epochs.flatten(1) * 2, dtype=torch.bfloat16)[0]
    expected = load(study, settings).brain.flatten(1) * 2
    assert torch.equal(part.brain, expected.bfloat16())
    assert part.features.image.dtype == part.features.text.dtype == torch.bfloat16


def test_samples_know_their_subject(study, settings):
    data = load(study, settings, subjects=("sub-01", "sub-02"), repeats="single")
    assert data.subject.tolist() == [0] * 2 * N_TRAIN + [1] * 2 * N_TRAIN


def test_samples_are_counted_per_subject(study, settings):
    data = opened(study, settings, subjects=("sub-01", "sub-02"))
    _, valid = split(data, settings, split="samples", size=7)
    assert len(valid) == 14


def test_held_out_images_are_unknown_to_training_through_any_subject(study, settings):
    data = opened(study, settings, subjects=("sub-01", "sub-02"))
    train, valid = split(data, settings, split="images", size=7)
    assert not set(train.item.tolist()) & set(valid.item.tolist())
    assert len(set(valid.item.tolist())) == 7


def test_held_out_concepts_are_unknown_to_training(study, settings):
    train, valid = split(opened(study, settings), settings, split="concepts", size=7)
    concepts = [set(part.concept[part.item].tolist()) for part in (train, valid)]
    assert not concepts[0] & concepts[1]
    assert len(valid) == 8  # concepts have two images each: the fewest that cover seven


def test_the_same_seed_splits_alike(study, settings):
    data = opened(study, settings)
    first, again, other = (split(data, settings, seed=seed)[1].item.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_validation_part_that_takes_all_is_refused(study, settings):
    with pytest.raises(InputError, match=r"train.validation.size is 59.*choose a smaller size"):
        split(opened(study, settings), settings, size=59)


def test_subjects_with_other_channels_are_refused(study, settings, tmp_path):
    features = np.zeros((70, DIM), dtype=np.float32)
    other = tmp_path / "sub-03.zarr.zip"
    write_subject(other, features, seed=0, ch_names=[*(f"E{i}" for i in range(N_CHANNELS - 1)), "Oz"])
    table = read_stimulus_table(study.stimuli)
    with pytest.raises(InputError, match=r"sub-03.*channels differ.*E11, Oz"):
        open_training_set([study.store("sub-01"), other], study.features, table, settings.target, "mean")


@pytest.mark.parametrize("change", ["store", "features", "pairs"])
def test_the_digest_sees_what_training_sees(study, settings, change):
    def digest(data):
        total = hashlib.sha256()
        data.read([torch.arange(len(data.samples))], digest=total)
        return total.hexdigest()

    data = opened(study, settings)
    assert digest(data) == digest(opened(study, settings))
    if change == "store":
        data = opened(study, settings, subjects=("sub-02",))
    elif change == "features":
        data.features.text[3, 1] += 1
    else:
        data.samples.item[:2] = data.samples.item[[1, 0]]
    assert digest(data) != digest(opened(study, settings))
