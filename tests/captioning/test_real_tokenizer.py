"""The real OPT vocabulary, through the real processor, with a small BLIP-2 of random weights."""

import csv
import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    PreTrainedTokenizerFast,
)

from tests.captioning.loaded import loaded

PROMPTS = ["This is a photo of", "Briefly describe the 'aardvark' in the images.", "Describe the main object", ""]


@pytest.fixture(scope="module")
def vocabulary(real_data):
    files = [real_data / "tokenizers" / f"opt_gpt2-{name}" for name in ("vocab.json", "merges.txt")]
    if not all(file.is_file() for file in files):
        pytest.skip(f"the OPT vocabulary is not in {real_data / 'tokenizers'}")
    return files


@pytest.fixture(scope="module")
def model(vocabulary, tmp_path_factory):
    words, merges = vocabulary
    pairs = [tuple(line.split()) for line in merges.read_text(encoding="utf-8").splitlines()[1:] if line]
    bpe = Tokenizer(models.BPE(json.loads(words.read_text(encoding="utf-8")), pairs))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bpe.post_processor = processors.TemplateProcessing("</s> $A", special_tokens=[("</s>", 2)])
    roles = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    processor = Blip2Processor(
        BlipImageProcessor(size={"height": 32, "width": 32}),
        PreTrainedTokenizerFast(tokenizer_object=bpe, **roles),
        num_query_tokens=4,
    )
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    opt = {"ffn_dim": 32, "word_embed_proj_dim": 16, "vocab_size": 50304, "max_position_embeddings": 64}
    config = Blip2Config(
        vision_config={**size, "intermediate_size": 32, "image_size": 32, "patch_size": 8},
        qformer_config={**size, "intermediate_size": 32, "encoder_hidden_size": 16},
        text_config={**size, **opt, "model_type": "opt", "dropout": 0.0},
        num_query_tokens=4,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    network = Blip2ForConditionalGeneration(config)
    with torch.no_grad():
        for weight in (weight for weight in network.parameters() if weight.ndim > 1):
            weight.normal_(std=0.4)
    folder = tmp_path_factory.mktemp("models") / "blip2-opt"
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return loaded(folder)


def test_the_prompt_has_the_tokens_that_opt_knows(model):
    inputs = model.prepare([np.zeros((8, 9, 3), np.uint8)], ["This is a photo of"])
    assert inputs["input_ids"].tolist() == [[50265] * 4 + [2, 713, 16, 10, 1345, 9]]


@pytest.mark.parametrize("text", ['naïve, "quoted"\n<b>fox</b> 🦊 — 狐', " leading", "a  b"])
def test_any_text_survives_the_tokenizer(model, text):
    tokenizer = model.processor.tokenizer
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_batches_change_no_caption(model):
    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 256, (30 + place, 40, 3), dtype=np.uint8) for place in range(8)]
    prompts = PROMPTS * 2
    whole = model.describe(pictures, prompts)
    alone = [model.describe([picture], [prompt])[0] for picture, prompt in zip(pictures, prompts, strict=True)]
    assert whole == alone
    assert len({caption.text for caption in whole}) > 3


def test_the_concepts_of_things_can_be_asked_for(model, real_data):
    table = real_data / "things-metadata" / "things_concepts.tsv"
    if not table.is_file():
        pytest.skip(f"{table} is not there")
    with table.open(encoding="utf-8") as file:
        names = [row["Word"] for row in csv.DictReader(file, delimiter="\t")][:100]
    inputs = model.prepare([np.zeros((8, 8, 3), np.uint8)] * len(names), [f"a {name}" for name in names])
    said = model.processor.tokenizer.batch_decode(inputs["input_ids"], skip_special_tokens=True)
    assert said == [f"a {name}" for name in names]
