"""Errors name what is wrong and how to cure it, in one line."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError, bad_value, check_embeddings, did_you_mean, listed


def test_a_message_is_one_line():
    assert str(InputError("first\n   second")) == "first second"


def test_bad_value_names_place_value_and_choices():
    error = bad_value("loss.balancer", "mcbd", ["static", "dla", "mcdb"], where="params.yaml")
    assert str(error) == ("params.yaml: loss.balancer is 'mcbd', allowed: static, dla, mcdb; did you mean 'mcdb'?")


def test_no_suggestion_when_nothing_is_close():
    assert did_you_mean("zebra", ["static", "dla"]) == ""


def test_long_lists_are_cut_and_counted():
    assert listed(range(9), most=3) == "0, 1, 2 and 6 more"


def test_embeddings_of_different_shapes_are_named():
    with pytest.raises(ValueError, match=r"image has shape \(4, 3\) but brain has \(5, 3\)"):
        check_embeddings(brain=np.zeros((5, 3)), image=np.zeros((4, 3)))


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one item"):
        check_embeddings(brain=np.zeros((0, 3)))
