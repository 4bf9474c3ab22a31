"""A wrong parameter is one line that names key, value and cure."""

from typing import Literal

import pytest
import yaml
from pydantic import Field

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, load_names, load_section


class Inner(Section):
    gamma: float = Field(gt=0)


class Outer(Section):
    balancer: Literal["static", "dla", "mcdb"]
    mcdb: Inner


def refused(tmp_path, section):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"loss": section}))
    with pytest.raises(InputError) as caught:
        load_section(path, "loss", Outer)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_good_values_arrive_typed(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("loss: {balancer: dla, mcdb: {gamma: 1}}")
    assert load_section(path, "loss", Outer) == Outer(balancer="dla", mcdb=Inner(gamma=1.0))


def test_a_misspelt_key_is_suggested(tmp_path):
    message = refused(tmp_path, {"balancr": "dla", "mcdb": {"gamma": 1}})
    assert "unknown parameter loss.balancr" in message
    assert "did you mean 'balancer'?" in message


def test_a_misspelt_inner_key_is_suggested(tmp_path):
    message = refused(tmp_path, {"balancer": "dla", "mcdb": {"gama": 1}})
    assert "loss.mcdb.gama" in message
    assert "did you mean 'gamma'?" in message


def test_a_misspelt_choice_is_suggested(tmp_path):
    message = refused(tmp_path, {"balancer": "mdcb", "mcdb": {"gamma": 1}})
    assert "loss.balancer is 'mdcb'" in message
    assert "'static', 'dla' or 'mcdb'" in message
    assert "did you mean 'mcdb'?" in message


def test_a_value_out_of_range_names_the_range(tmp_path):
    message = refused(tmp_path, {"balancer": "dla", "mcdb": {"gamma": -1}})
    assert "loss.mcdb.gamma is -1: input should be greater than 0" in message


def test_a_missing_key_is_named(tmp_path):
    assert "parameter loss.mcdb.gamma is missing" in refused(tmp_path, {"balancer": "dla", "mcdb": {}})


def test_a_missing_section_or_file_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match="no such file"):
        load_section(path, "loss", Outer)
    path.write_text("vse: {}")
    with pytest.raises(InputError, match="section 'loss' is missing"):
        load_section(path, "loss", Outer)


def test_yaml_that_does_not_parse_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("loss: [")
    with pytest.raises(InputError, match="not valid YAML") as caught:
        load_section(path, "loss", Outer)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("subjects", ["sub-01", [["a"]], ["a", "a"]])
def test_lists_of_names_are_checked(tmp_path, subjects):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"subjects": subjects}))
    with pytest.raises(InputError, match="subjects"):
        load_names(path, "subjects")


def test_seeds_are_names_too(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seeds: [0, 1]")
    assert load_names(path, "seeds") == ["0", "1"]
