"""Prompts are named, or written out, and never guessed."""

import pytest

from pipeline_lib.captioning.prompts import filled, prompt_named
from pipeline_lib.common.errors import InputError

PROMPTS = {"A": "This is a photo of", "C": "Briefly describe the '{concept}' in the images.", "none": ""}


def test_a_key_gives_its_wording():
    assert prompt_named("A", PROMPTS) == "This is a photo of"
    assert prompt_named("none", PROMPTS) == ""


def test_text_of_several_words_is_the_prompt_itself():
    assert prompt_named("What is this?", PROMPTS) == "What is this?"


@pytest.mark.parametrize("name", ["D", "", "a", " A "])
def test_an_unknown_name_is_no_prompt(name):
    with pytest.raises(InputError, match=r"caption\.prompt is .* allowed: A, C, none"):
        prompt_named(name, PROMPTS)


def test_the_concept_is_filled_in_and_other_braces_stay():
    assert filled("a {concept}, {x} {} {concept}", "cat {concept}") == "a cat {concept}, {x} {} cat {concept}"
    assert filled("This is a photo of", "cat") == "This is a photo of"
