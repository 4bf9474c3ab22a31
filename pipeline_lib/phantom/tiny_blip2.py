"""The phantom's captioner: a tiny BLIP-2, really trained on drawn pictures, written as a transformers model folder.

As in the real BLIP-2, the vision tower comes from a trained image-text model (here the phantom's tiny CLIP) and stays
frozen: what is learned is a querying transformer that reads it, and (here) a small language model as well.
Asked "This is a photo of", it goes on " a striped red star".
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from torch import Tensor, nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    PreTrainedTokenizerFast,
)

from pipeline_lib.phantom.images import ALL_CONCEPTS, Concept, caption_of
from pipeline_lib.phantom.tiny_clip import VISION, TinyClip
from pipeline_lib.phantom.tiny_training import IMAGE_SIZE, MEAN, STD, Pictures, normalized, round_to_half, train, varied

# A prompt and how the caption goes on; the first two, the pipeline's default prompt, are trained most.
EXAMPLES = (
    ("This is a photo of", " a {}"),
    ("This is a photo of", " a {}"),
    ("Describe the main object in the picture", " a {}"),
    ("Briefly describe the '{}' in the images.", " a {}"),
    ("", "a photo of a {}"),
)
SPECIAL = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
IMAGE_TOKEN = "<image>"
VOCABULARY = 512  # at most; bytes come first, so that any text can be tokenised
QUERIES = 8
# Of the answer's words, as far as they are said already, are hidden while the next is learned. Otherwise the language
# model learns which combinations of words never occur, and so will not say the unseen ones.
UNREAD_SHARE = 0.5
WIDTH, HEADS, LAYERS = 128, 4, 2  # of the querying transformer and of the language model


def build_processor() -> Blip2Processor:
    """Image processor and tokenizer; the words are those of all captions and prompts."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL.values(), IMAGE_TOKEN],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [prompt + answer for concept in ALL_CONCEPTS for prompt, answer in examples_of(concept)]
    tokenizer.train_from_iterator(texts, trainer)
    begin = SPECIAL["bos_token"]
    tokenizer.post_processor = TemplateProcessing(f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", model_max_length=64, **SPECIAL)
    images = BlipImageProcessor(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, image_mean=list(MEAN), image_std=list(STD)
    )
    return Blip2Processor(images, fast, num_query_tokens=QUERIES)


def examples_of(concept: Concept) -> list[tuple[str, str]]:
    """Prompts and right answers for a picture of `concept`."""
    words = caption_of(concept)
    return [(prompt.format(words), answer.format(words)) for prompt, answer in EXAMPLES]


def build_blip2(clip: TinyClip, processor: Blip2Processor) -> Blip2ForConditionalGeneration:
    """An untrained BLIP-2 around the vision tower of a trained CLIP, which is frozen."""
    model = Blip2ForConditionalGeneration(_configuration(processor.tokenizer))
    nn.init.normal_(model.query_tokens, std=0.5)  # transformers starts them at zero: all alike, for ever
    model.vision_model.load_state_dict(vision_state(clip))
    model.vision_model.requires_grad_(False)
    return model


def _configuration(tokenizer: PreTrainedTokenizerFast) -> Blip2Config:
    vision = {
        "hidden_size": VISION["embed_dim"],
        "intermediate_size": 4 * VISION["embed_dim"],
        "num_hidden_layers": VISION["depth"],
        "num_attention_heads": VISION["num_heads"],
        "image_size": IMAGE_SIZE,
        "patch_size": VISION["patch_size"],
    }
    shared = {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
    }
    querying = {
        "intermediate_size": 2 * WIDTH,
        "encoder_hidden_size": VISION["embed_dim"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    language = {
        "model_type": "opt",
        "ffn_dim": 2 * WIDTH,
        "word_embed_proj_dim": WIDTH,
        "max_position_embeddings": 128,
        "dropout": 0.0,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return Blip2Config(
        vision_config=vision,
        qformer_config=shared | querying,
        text_config=shared | language,
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
    )


def vision_state(clip: TinyClip) -> dict[str, Tensor]:
    """The vision tower of `clip` under the names that transformers gives the parts of BLIP-2's."""
    renamed = {
        "cls_token": "embeddings.class_embedding",
        "pos_embed": "embeddings.position_embedding",
        "patch_embed.proj.": "embeddings.patch_embedding.",
        "norm.": "post_layernorm.",
        "blocks.": "encoder.layers.",
    }
    inner = {".norm1.": ".layer_norm1.", ".norm2.": ".layer_norm2.", ".attn.proj.": ".self_attn.projection."}
    state = {}
    for name, weights in clip.visual.state_dict().items():
        start = next(start for start in renamed if name.startswith(start))
        target = renamed[start] + name[len(start) :]
        for old, new in inner.items():
            target = target.replace(old, new)
        state[target.replace(".attn.qkv.", ".self_attn.qkv.")] = weights
    return state


def training_texts(concepts: list[Concept], processor: Blip2Processor) -> tuple[Tensor, Tensor]:
    """Everything that may be said of every concept, as the language model sees it.

    Returns
    -------
    input_ids : Tensor of int64, shape (n_examples, n_concepts, length)
        Places of the image's queries, then prompt, answer and end; padded on the left, as for generation.
    labels : Tensor of int64, same shape
        The answer and the end; -100 elsewhere.
    """
    tokenizer = processor.tokenizer
    pairs = [pair for concept in concepts for pair in examples_of(concept)]
    rows = [[*tokenizer(prompt + answer).input_ids, tokenizer.eos_token_id] for prompt, answer in pairs]
    silent = [len(tokenizer(prompt).input_ids) for prompt, _ in pairs]
    length = max(map(len, rows))
    image = processor.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    input_ids = torch.full((len(rows), QUERIES + length), tokenizer.pad_token_id)
    input_ids[:, :QUERIES] = image
    labels = torch.full_like(input_ids, -100)
    for i, (row, start) in enumerate(zip(rows, silent, strict=True)):
        input_ids[i, -len(row) :] = torch.tensor(row)
        labels[i, -len(row) + start :] = torch.tensor(row[start:])
    shape = (len(concepts), len(EXAMPLES), -1)
    return input_ids.view(shape).transpose(0, 1), labels.view(shape).transpose(0, 1)


def train_blip2(
    clip: TinyClip,
    pictures: Pictures,
    concepts: list[Concept],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> tuple[Blip2ForConditionalGeneration, Blip2Processor, list[float]]:
    """Train a tiny BLIP-2 on pictures and their captions.

    Parameters
    ----------
    clip : TinyClip
        Lends its vision tower.
    pictures : Pictures
    concepts : list of Concept
        What ``pictures.concept`` points at.
    steps, batch_size : int
        Length of the training.
    learning_rate : float
        Its peak.
    seed : int
        Of the first weights, the batches and their variations.

    Returns
    -------
    model : Blip2ForConditionalGeneration
    processor : Blip2Processor
    losses : list of float
        At each step.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    processor = build_processor()
    model = build_blip2(clip, processor).train()
    input_ids, labels = training_texts(concepts, processor)

    def loss_of_a_batch(_step: int) -> Tensor:
        chosen = torch.randint(len(pictures.pixels), (batch_size,), generator=generator)
        example = torch.randint(len(EXAMPLES), (batch_size,), generator=generator)
        tokens, answer = (table[example, pictures.concept[chosen]] for table in (input_ids, labels))
        unread = (answer >= 0) & (torch.rand(tokens.shape, generator=generator) < UNREAD_SHARE)
        return model(
            pixel_values=normalized(varied(pictures.pixels[chosen], generator)),
            input_ids=tokens.masked_fill(unread, processor.tokenizer.unk_token_id),
            attention_mask=(tokens != processor.tokenizer.pad_token_id).long(),
            labels=answer,
        ).loss

    losses = train(model, loss_of_a_batch, steps=steps, learning_rate=learning_rate, label="tiny BLIP-2")
    round_to_half(model)
    return model.eval(), processor, losses


def write_blip2(model: Blip2ForConditionalGeneration, processor: Blip2Processor, folder: Path) -> None:
    """Write model, processor and tokenizer to `folder`, as transformers' AutoModel and AutoProcessor read them."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # it is written for its owner alone
