"""SLIP, CLIP and other language-supervised checkpoints in the format of the SLIP project.

Image tower: a vision transformer whose class token goes through the final norm (epsilon 1e-6, plain GELU). Text tower:
a causal transformer (epsilon 1e-5, QuickGELU) read at the end-of-text token. Both are projected without bias. The
architecture is read from the tensors' shapes: some published files carry the name of another model in their settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.card import CARD, ModelCard
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.weights import load_strictly, read_state_dict

# Shapes do not show how many heads share a width. SLIP's ViT-S has 12 where timm's has 6.
PUBLISHED_VISION_HEADS = {384: 12, 768: 12, 1024: 16}
PUBLISHED_TEXT_HEADS = {512: 8}
# Of self-supervision and of the loss: not part of either tower.
UNUSED = ("image_mlp.", "logit_scale")
IMAGE_PROJECTION, TEXT_PROJECTION = "image_projection", "text_projection"


class SlipShape(NamedTuple):
    """Everything that says how large a SLIP model is."""

    image_size: int
    patch_size: int
    vision_width: int
    vision_layers: int
    vision_heads: int
    vision_hidden: int
    context_length: int
    vocabulary: int
    text_width: int
    text_layers: int
    text_heads: int
    text_hidden: int
    dim: int


class SlipNetwork(nn.Module):
    """Both towers of a SLIP model.

    Parameters
    ----------
    shape : SlipShape
        Sizes, and heads of both towers.
    """

    def __init__(self, shape: SlipShape) -> None:
        super().__init__()
        self.visual = VisionTransformer(
            img_size=shape.image_size,
            patch_size=shape.patch_size,
            embed_dim=shape.vision_width,
            depth=shape.vision_layers,
            num_heads=shape.vision_heads,
            mlp_ratio=shape.vision_hidden / shape.vision_width,
            num_classes=0,
        )
        self.image_projection = nn.Parameter(torch.empty(shape.vision_width, shape.dim))
        self.text = TextTransformer(
            context_length=shape.context_length,
            vocab_size=shape.vocabulary,
            width=shape.text_width,
            heads=shape.text_heads,
            layers=shape.text_layers,
            mlp_ratio=shape.text_hidden / shape.text_width,
            output_dim=shape.dim,
            act_layer=QuickGELU,
        )

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Features, shape (n_images, dim), of images, shape (n_images, 3, image_size, image_size)."""
        return self.visual(pixels) @ self.image_projection

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Features, shape (n_texts, dim), of tokens, shape (n_texts, context_length)."""
        return self.text(tokens)


def load_slip(folder: Path, card: ModelCard, device: torch.device) -> ImageTextModel:
    """Load a checkpoint of the SLIP project.

    Parameters
    ----------
    folder : Path
        Holds the file ``card.weights``.
    card : ModelCard
        Content of the folder's model.yaml.
    device : torch.device

    Raises
    ------
    InputError
        If the checkpoint is missing, unsafe, of another kind or size, or its number of heads is not known.
    """
    path = Path(folder) / card.weights
    state = {name: tensor for name, tensor in read_state_dict(path).items() if not name.startswith(UNUSED)}
    shape = read_shape(state, card, path)
    network = SlipNetwork(shape)
    load_strictly(network, {_own_name(name): tensor for name, tensor in state.items()}, str(path))
    tokenize = SimpleTokenizer(context_length=shape.context_length)
    if shape.vocabulary != tokenize.vocab_size:
        raise InputError(f"{path}: {shape.vocabulary} token embeddings do not fit CLIP's {tokenize.vocab_size} tokens")
    name = f"slip ViT {shape.vision_width} x {shape.vision_layers}, patch {shape.patch_size}"
    return ImageTextModel(name, network.to(device).eval(), tokenize, card, shape.dim, device)


def read_shape(state: Mapping[str, Tensor], card: ModelCard, path: Path) -> SlipShape:
    """Read the sizes from the tensors' shapes, and the heads from `card` or the published towers.

    Raises
    ------
    InputError
        If a tensor that shows a size is missing or has the wrong number of axes, if the sizes contradict
        model.yaml, or if the heads are not known.
    """

    def sizes(name: str, n_axes: int) -> tuple[int, ...]:
        if name not in state:
            raise InputError(
                f"{path}: tensor {name} is missing; this is no SLIP checkpoint of an image and a text tower"
            )
        if state[name].ndim != n_axes:
            raise InputError(f"{path}: tensor {name} has shape {tuple(state[name].shape)}, allowed: {n_axes} axes")
        return tuple(state[name].shape)

    vision_width, _, patch_size, _ = sizes("visual.patch_embed.proj.weight", 4)
    n_places = sizes("visual.pos_embed", 3)[1]
    context_length, text_width = sizes("positional_embedding", 2)
    return SlipShape(
        image_size=_image_size(n_places, patch_size, card, path),
        patch_size=patch_size,
        vision_width=vision_width,
        vision_layers=_n_blocks(state, "visual.blocks."),
        vision_heads=_heads("vision", vision_width, card.vision_heads, PUBLISHED_VISION_HEADS, path),
        vision_hidden=sizes("visual.blocks.0.mlp.fc1.weight", 2)[0],
        context_length=_context_length(context_length, card, path),
        vocabulary=sizes("token_embedding.weight", 2)[0],
        text_width=text_width,
        text_layers=_n_blocks(state, "transformer.resblocks."),
        text_heads=_heads("text", text_width, card.text_heads, PUBLISHED_TEXT_HEADS, path),
        text_hidden=sizes("transformer.resblocks.0.mlp.c_fc.weight", 2)[0],
        dim=sizes(IMAGE_PROJECTION, 2)[1],
    )


def _n_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _image_size(n_places: int, patch_size: int, card: ModelCard, path: Path) -> int:
    """The position embeddings (one is the class token's) must cover the image that model.yaml names."""
    if (card.image_size // patch_size) ** 2 + 1 != n_places or card.image_size % patch_size:
        side = round((n_places - 1) ** 0.5) * patch_size
        raise bad_value("image_size", card.image_size, f"{side}, as {path} shows", where=str(path.with_name(CARD)))
    return card.image_size


def _context_length(shown: int, card: ModelCard, path: Path) -> int:
    if card.context_length not in (None, shown):
        allowed = f"{shown}, as {path} shows"
        raise bad_value("context_length", card.context_length, allowed, where=str(path.with_name(CARD)))
    return shown


def _heads(tower: str, width: int, stated: int | None, published: Mapping[int, int], path: Path) -> int:
    heads = stated or published.get(width)
    card, key = path.with_name(CARD), f"{tower}_heads"
    if heads is None:
        raise InputError(f"{card}: {key} is missing; no published {tower} tower is {width} wide, so add its heads")
    if width % heads:
        raise bad_value(key, heads, f"a divisor of the width {width}", where=str(card))
    return heads


def _own_name(name: str) -> str:
    return name if name.startswith(("visual.", IMAGE_PROJECTION)) else f"text.{name}"
