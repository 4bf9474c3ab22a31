"""A BLIP-2 with random weights, small enough to be made in a moment, written as transformers writes the real one."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    PreTrainedTokenizerFast,
)

WORDS = (
    "this is a photo of describe the main object in picture briefly images red blue star circle ' , . \" don t quote"
)
SPECIAL = ("<unk>", "<pad>", "<s>", "</s>")
N_QUERY, IMAGE_SIZE = 4, 32


def write_blip2(folder: Path) -> None:
    """Write model, processor and tokenizer; its captions depend on picture and prompt."""
    processor = _processor()
    torch.manual_seed(0)
    model = Blip2ForConditionalGeneration(_config(processor))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.5 if name.startswith(("query", "qformer", "vision")) else 0.25)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _processor() -> Blip2Processor:
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *dict.fromkeys(WORDS.split())])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.normalizer, words.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    return Blip2Processor(images, tokenizer, num_query_tokens=N_QUERY)


def _config(processor: Blip2Processor) -> Blip2Config:
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    n_tokens = len(processor.tokenizer)
    return Blip2Config(
        vision_config={**size, "intermediate_size": 64, "image_size": IMAGE_SIZE, "patch_size": 8},
        qformer_config={**size, "intermediate_size": 64, "encoder_hidden_size": 32, "vocab_size": n_tokens},
        text_config={
            **size,
            "model_type": "opt",
            "ffn_dim": 64,
            "vocab_size": n_tokens,
            "word_embed_proj_dim": 32,
            "max_position_embeddings": 64,
            "pad_token_id": 1,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "dropout": 0.0,
        },
        num_query_tokens=N_QUERY,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
