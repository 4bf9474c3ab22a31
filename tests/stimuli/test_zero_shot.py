"""Zero-shot: what training shows of tested concepts serves class centres; nothing else changes."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.stimuli.zero_shot import without_tested_concepts


def rows(*pairs):
    return pd.DataFrame(pairs, columns=["concept", "split"])


def test_training_images_of_tested_concepts_become_centres():
    images = rows(("cat", "train"), ("cat", "test"), ("dog", "train"), ("cat", "center"), ("emu", "test"))
    changed = without_tested_concepts(images, closed_set=False, where="x")
    assert changed["split"].tolist() == ["center", "test", "train", "center", "test"]
    assert images["split"].tolist()[0] == "train"


def test_a_closed_set_is_left_as_it_is():
    images = rows(("cat", "train"), ("cat", "test"))
    assert without_tested_concepts(images, closed_set=True, where="x") is images


def test_a_study_of_tested_concepts_alone_says_what_to_set():
    with pytest.raises(InputError, match=r"^x: every training image .* \(cat\), .*; set study\.closed_set=true"):
        without_tested_concepts(rows(("cat", "train"), ("cat", "test")), closed_set=False, where="x")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["train", "test", "center"])), min_size=1))
def test_no_concept_is_in_both_training_and_test(pairs):
    images = rows(*pairs)
    try:
        changed = without_tested_concepts(images, closed_set=False, where="x")
    except InputError:
        tested = {concept for concept, split in pairs if split == "test"}
        assert {concept for concept, split in pairs if split == "train"} <= tested
        return
    concepts = {split: set(part["concept"]) for split, part in changed.groupby("split")}
    assert not concepts.get("train", set()) & concepts.get("test", set())
    moved = changed["split"] != images["split"]
    assert set(images.loc[moved, "split"]) <= {"train"}
    assert set(changed.loc[moved, "split"]) <= {"center"}
