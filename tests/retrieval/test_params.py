"""What section `evaluate` accepts."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.retrieval.params import EvaluateParams


def test_the_shipped_section_is_valid(params):
    assert validated(params, "evaluate", EvaluateParams).repeats == "mean"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("galleries", ["imgae"], r"galleries.0 is 'imgae'.*did you mean 'image'"),
        ("galleries", [], "evaluate.galleries is"),
        ("galleries", ["image", "image"], "once only"),
        ("n_way", [1], "evaluate.n_way.0 is 1"),
        ("repeats", 0, "evaluate.repeats"),
        ("repeats", "all", "evaluate.repeats"),
        ("bootstrap", -1, "evaluate.bootstrap is -1"),
        ("boostrap", 5, "unknown parameter evaluate.boostrap .* did you mean 'bootstrap'"),
    ],
)
def test_says_what_is_wrong(params, key, value, message):
    params["evaluate"][key] = value
    with pytest.raises(InputError, match=message):
        validated(params, "evaluate", EvaluateParams)


def test_a_number_of_repeats(params):
    params["evaluate"]["repeats"] = 5
    assert validated(params, "evaluate", EvaluateParams).repeats == 5
