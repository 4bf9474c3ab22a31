"""What the sections `study` and `preprocess` accept."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.recordings.params import PreprocessParams, StudyParams


def test_the_shipped_sections_are_valid(params):
    assert validated(params, "study", StudyParams).layout == "things-eeg2"
    assert validated(params, "preprocess", PreprocessParams).crop.stop == 1.0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "picks",
            "visual",
            r"preprocess.picks is 'visual': .*allowed: all, eeg, meg, visual-17, or a list of channel names",
        ),
        ("picks", [], r"preprocess.picks is \[\]"),
        ("picks", ["Oz", "oz"], "named twice"),
        ("picks", 17, "preprocess.picks is 17"),
        ("tmax", -0.5, r"preprocess.tmax is -0.5: .*must be after preprocess.tmin \(-0.2\)"),
        ("tmin", float("nan"), "preprocess.tmin is nan"),
        ("tmin", 0.0, "needs samples before onset"),
        ("baseline", "men", "did you mean 'mean'"),
        ("sfreq", 0, "preprocess.sfreq is 0: input should be greater than 0"),
        ("crop", {"start": 0.0, "stop": 1.5}, r"must lie within preprocess.tmin..tmax \(-0.2..1.0\)"),
        ("crop", {"start": 0.5, "stop": 0.5}, r"preprocess.crop.stop is 0.5: .*must be after"),
        ("filter", {"low": 30.0, "high": 1.0}, r"preprocess.filter.high is 1.0: .*must be above"),
        ("filter", {"low": -1.0, "high": None}, r"preprocess.filter.low is -1.0"),
        ("max_repeats", {"train": 0, "test": 20}, "preprocess.max_repeats.train is 0"),
        ("whitening", {"enabled": True, "covariance": "epoch", "fit_on": "train"}, "did you mean 'epochs'"),
        ("reject_peak_to_peak", 0, "preprocess.reject_peak_to_peak is 0: input should be greater than 0"),
        ("resampling", "decimation", "did you mean 'decimate'"),
        ("standardise", "train", "unknown parameter preprocess.standardise .*did you mean 'standardize'"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(params, key, value, message):
    params["preprocess"][key] = value
    with pytest.raises(InputError, match=message):
        validated(params, "preprocess", PreprocessParams)


def test_an_unknown_layout_is_named(params):
    params["study"]["layout"] = "array"
    with pytest.raises(InputError, match=r"study.layout is 'array': .*did you mean 'arrays'"):
        validated(params, "study", StudyParams)


def test_half_precision_needs_values_that_it_can_hold(params):
    section = params["preprocess"] | {"dtype": "float16"}
    assert validated({"preprocess": section}, "preprocess", PreprocessParams).dtype == "float16"
    section["whitening"] = section["whitening"] | {"enabled": False}
    with pytest.raises(InputError, match=r"preprocess.dtype is 'float16': .*holds no volts or tesla"):
        validated({"preprocess": section}, "preprocess", PreprocessParams)
    for changes in ({"standardize": "train"}, {"baseline": "zscore"}):
        validated({"preprocess": section | changes}, "preprocess", PreprocessParams)
