"""What section `phantom` of params.yaml refuses."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.phantom.params import PhantomParams


def test_the_shipped_section_is_valid(shipped_params):
    assert validated(shipped_params, "phantom", PhantomParams).subjects == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subjects", 0),
        ("sessions", 0),
        ("train_repeats", 0),
        ("test_repeats", -1),
        ("test_concepts", 0),
        ("image_size", 8),
        ("target_share", 0.5),
        ("snr", -0.1),
        ("snr", float("nan")),
        ("seed", "many"),
        ("modality", "mri"),
    ],
)
def test_names_the_parameter_and_the_value_out_of_range(params, key, value):
    params["phantom"][key] = value
    with pytest.raises(InputError, match=rf"phantom\.{key} is {value!r}"):
        validated(params, "phantom", PhantomParams)


def test_a_misspelt_parameter_gets_a_hint(params):
    params["phantom"]["train_repeat"] = 2
    with pytest.raises(InputError, match=r"phantom\.train_repeat .*did you mean 'train_repeats'"):
        validated(params, "phantom", PhantomParams)
