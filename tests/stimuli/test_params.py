"""Sections `vse` and `views`: what is allowed, and how what is not is named."""

import pytest

from pipeline_lib.common.errors import InputError


def test_the_shipped_settings_are_those_of_the_paper(vse_params):
    params = vse_params()
    assert params.enabled
    assert (params.size, params.sobel_kernel, params.normalization, params.eta) == (224, 7, "zscore", 0.25)
    assert params.alpha == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert params.scales == (1, 2, 4)
    assert (params.center_sigma, params.surround_sigma, params.surround_weight, params.gamma) == (1, 2, 0.5, 1.2)


@pytest.mark.parametrize("change", [{"alpha": [-1, 0, 2.5]}, {"size": None}, {"eta": -0.5}, {"scales": [0.5]}], ids=str)
def test_open_readings_are_allowed(vse_params, change):
    vse_params(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, r"vse\.size is 0"),
        ({"size": "big"}, r"vse\.size is 'big'"),
        ({"sobel_kernel": 4}, r"vse\.sobel_kernel is 4: input should be 3, 5 or 7"),
        ({"normalization": "z-score"}, r"vse\.normalization is 'z-score'.*did you mean 'zscore'"),
        ({"alpha": [1, 2]}, r"vse\.alpha"),
        ({"alpha": [1, 2, float("nan")]}, r"vse\.alpha\.2 is nan"),
        ({"eta": 1.5}, r"vse\.eta is 1\.5"),
        ({"eta": float("nan")}, r"vse\.eta is nan"),
        ({"scales": []}, r"vse\.scales is \[\]"),
        ({"scales": [1, -2]}, r"vse\.scales\.1 is -2"),
        ({"center_sigma": 0}, r"vse\.center_sigma is 0"),
        ({"surround_sigma": float("inf")}, r"vse\.surround_sigma is inf"),
        ({"surround_weight": -0.5}, r"vse\.surround_weight is -0\.5"),
        ({"gamma": 0}, r"vse\.gamma is 0"),
        ({"gama": 1.2}, r"unknown parameter vse\.gama.*did you mean 'gamma'"),
    ],
    ids=str,
)
def test_what_is_not_allowed_is_named(vse_params, change, message):
    with pytest.raises(InputError, match=message):
        vse_params(**change)


def blur(**changes):
    return {"blur": {"kernels": {"low": 45, "medium": 51, "high": 57}, "peak": 0.5, "falloff": 3.0} | changes}


def test_the_shipped_blur_is_that_of_ubp(view_params):
    params = view_params()
    assert params.size == 224
    assert params.blur.model_dump() == blur()["blur"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 4}, r"views\.size is 4"),
        (blur(kernels={"low": 44, "medium": 51, "high": 57}), r"views\.blur\.kernels\.low is 44.*an odd number"),
        (blur(kernels={"low": -3, "medium": 51, "high": 57}), r"views\.blur\.kernels\.low is -3"),
        (blur(kernels={"low": 45, "medium": 51}), r"views\.blur\.kernels\.high is missing"),
        (blur(peak=1.5), r"views\.blur\.peak is 1\.5"),
        (blur(peak=float("nan")), r"views\.blur\.peak is nan"),
        (blur(falloff=-1), r"views\.blur\.falloff is -1"),
        (blur(fallof=1), r"unknown parameter views\.blur\.fallof.*did you mean 'falloff'"),
        ({"lowres": {"size": 0}}, r"views\.lowres\.size is 0"),
        ({"lowres": {"size": 225}}, r"views\.lowres is .*225 pixels are more than views\.size, 224"),
        ({"mosaic": {"block": 225}}, r"views\.mosaic is .*225 pixels are more than views\.size, 224"),
        ({"mosaic": {"block": 2.5}}, r"views\.mosaic\.block is 2\.5"),
        ({"noise": {"sigma": -1, "seed": 0}}, r"views\.noise\.sigma is -1"),
        ({"noise": {"sigma": 1, "seed": -1}}, r"views\.noise\.seed is -1"),
    ],
    ids=str,
)
def test_a_view_that_cannot_be_made_is_named(view_params, change, message):
    with pytest.raises(InputError, match=message) as caught:
        view_params(**change)
    assert "\n" not in str(caught.value)
