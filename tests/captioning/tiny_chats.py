"""LLaVA-1.5, Qwen2-VL and BLIP-2 with Flan-T5: the real classes at tiny sizes, saved as transformers saves them."""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    CLIPImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

IMAGE_SIZE, PATCH = 32, 8
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
CORPUS = [
    "This is a photo of a red star",
    "Describe the main object in the picture",
    "Briefly describe the 'blue circle' in the images. USER: ASSISTANT: user assistant",
]


def bytes_tokenizer(special: list[str], **roles: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE learned from a few sentences: any text can be written with it."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=[*roles.values(), *special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    words.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=words, additional_special_tokens=special, **roles)


def write_llava(folder: Path) -> None:
    """LLaVA-1.5: a CLIP tower whose last but one block is read, a two-layer map, a Llama."""
    tokenizer = bytes_tokenizer(["<image>"], unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE}, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    config = LlavaConfig(
        vision_config={**TEXT, "model_type": "clip_vision_model", "image_size": IMAGE_SIZE, "patch_size": PATCH},
        text_config={**TEXT, "model_type": "llama", "vocab_size": len(tokenizer), **_ids(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    write_model(LlavaForConditionalGeneration, config, processor, folder)


def write_qwen2_vl(folder: Path) -> None:
    """Qwen2-VL: pictures of any size as patches in rotary positions, and a Qwen2."""
    roles = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
    tokenizer = bytes_tokenizer([token for token in QWEN_SPECIAL if token != "<|im_end|>"], **roles)
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessorPil(patch_size=PATCH, size={"shortest_edge": 16 * 16, "longest_edge": 48 * 48}),
        tokenizer,
        Qwen2VLVideoProcessor(patch_size=PATCH),
        chat_template=QWEN_TEMPLATE,
    )
    place = tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": PATCH,
        },
        text_config={
            **TEXT,
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        image_token_id=place("<|image_pad|>"),
        video_token_id=place("<|video_pad|>"),
        vision_start_token_id=place("<|vision_start|>"),
        vision_end_token_id=place("<|vision_end|>"),
    )
    write_model(Qwen2VLForConditionalGeneration, config, processor, folder)


def write_blip2_t5(folder: Path) -> None:
    """BLIP-2 with an encoder-decoder language model, as with Flan-T5."""
    tokenizer = bytes_tokenizer([], pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    processor = Blip2Processor(images, tokenizer, num_query_tokens=4)
    n_tokens = len(processor.tokenizer)
    config = Blip2Config(
        vision_config={**TEXT, "image_size": IMAGE_SIZE, "patch_size": PATCH},
        qformer_config={**TEXT, "encoder_hidden_size": 32, "vocab_size": n_tokens},
        text_config={
            "model_type": "t5",
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "vocab_size": n_tokens,
            "feed_forward_proj": "gated-gelu",
            "dropout_rate": 0.0,
            "decoder_start_token_id": tokenizer.pad_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        num_query_tokens=4,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
        use_decoder_only_language_model=False,
    )
    write_model(Blip2ForConditionalGeneration, config, processor, folder)


def _ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}


def write_model(kind: type[nn.Module], config: object, processor: object, folder: Path) -> None:
    """Write a model of random weights and its processor."""
    torch.manual_seed(0)
    model = kind(config)
    with torch.no_grad():
        for weight in (weight for weight in model.parameters() if weight.ndim > 1):
            weight.normal_(std=0.3)  # as initialised, all pictures look the same to it
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


WRITERS: dict[str, Callable[[Path], None]] = {
    "llava": write_llava,
    "qwen2-vl": write_qwen2_vl,
    "blip2": write_blip2_t5,
}
