"""SLIP, CLIP and SimCLR checkpoints in the format of the SLIP project.

Image tower: a vision transformer whose class token goes through the final norm (epsilon 1e-6, plain GELU). Text tower:
a causal transformer (epsilon 1e-5, QuickGELU) read at the end-of-text token. Both are projected without bias. SimCLR
has the image tower alone, and its final features are the tower's. The architecture is read from the tensors' shapes:
some published files carry the name of another model in their settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from pipeline_lib.common.digests import digest_of_files
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.card import CARD, ModelCard, weight_files
from pipeline_lib.features.models import ImageTextModel, ImageTower
from pipeline_lib.features.weights import StateDict, load_strictly, read_state_dict

# Shapes do not show how many heads share a width. SLIP's ViT-S has 12 where timm's has 6.
PUBLISHED_VISION_HEADS = {384: 12, 768: 12, 1024: 16}
PUBLISHED_TEXT_HEADS = {512: 8}
# Of self-supervision and of the loss: not part of either tower.
UNUSED = ("image_mlp.", "logit_scale")
IMAGE_PROJECTION, TEXT_PROJECTION = "image_projection", "text_projection"
VISUAL = "visual."
# What the project's own code prepares images with, all of whose models are ImageNet-normalised.
PREPARATION = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "interpolation": "bilinear"}


class TowerShape(NamedTuple):
    """Everything that says how large an image tower is."""

    image_size: int
    patch_size: int
    vision_width: int
    vision_layers: int
    vision_heads: int
    vision_hidden: int

    def build(self) -> VisionTransformer:
        """Such a tower, with random weights."""
        return VisionTransformer(
            img_size=self.image_size,
            patch_size=self.patch_size,
            embed_dim=self.vision_width,
            depth=self.vision_layers,
            num_heads=self.vision_heads,
            mlp_ratio=self.vision_hidden / self.vision_width,
            num_classes=0,
        )

    def __str__(self) -> str:
        return f"ViT {self.vision_width} x {self.vision_layers}, patch {self.patch_size}"


class SlipShape(NamedTuple):
    """Everything that says how large a model of two towers is."""

    tower: TowerShape
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
        self.visual = shape.tower.build()
        self.image_projection = nn.Parameter(torch.empty(shape.tower.vision_width, shape.dim))
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
        Holds the weights.
    card : ModelCard
        Content of the folder's model.yaml.
    device : torch.device

    Raises
    ------
    InputError
        If the checkpoint is missing, unsafe, of another kind or size, or its number of heads is not known.
    """
    files = weight_files(folder, card)
    path = files[0]
    state = {name: tensor for name, tensor in read_state_dict(path).items() if not name.startswith(UNUSED)}
    shape = read_tower(state, card, path)
    settings = card.settings(path.with_name(CARD), **PREPARATION, image_size=shape.image_size)
    only_images = all(name.startswith(VISUAL) for name in state)
    network, tokenize, dim = _only_images(shape, state, path) if only_images else _both(state, card, path)
    name, revision = f"{'simclr' if only_images else 'slip'} {shape}", digest_of_files(files)
    return ImageTextModel(name, network.to(device).eval(), tokenize, settings, dim, device, revision)


def _only_images(shape: TowerShape, state: StateDict, path: Path) -> tuple[ImageTower, None, int]:
    network = ImageTower(shape.build())
    load_strictly(network, state, str(path))
    return network, None, shape.vision_width


def _both(state: StateDict, card: ModelCard, path: Path) -> tuple[SlipNetwork, SimpleTokenizer, int]:
    shape = read_shape(state, card, path)
    network = SlipNetwork(shape)
    load_strictly(network, {_own_name(name): tensor for name, tensor in state.items()}, str(path))
    tokenize = SimpleTokenizer(context_length=shape.context_length)
    if shape.vocabulary != tokenize.vocab_size:
        raise InputError(f"{path}: {shape.vocabulary} token embeddings do not fit CLIP's {tokenize.vocab_size} tokens")
    return network, tokenize, shape.dim


def read_tower(state: Mapping[str, Tensor], card: ModelCard, path: Path) -> TowerShape:
    """Read the image tower's sizes from the tensors' shapes, and its heads from `card` or the published towers.

    Raises
    ------
    InputError
        If a tensor that shows a size is missing or has the wrong number of axes, if the sizes contradict
        model.yaml, or if the heads are not known.
    """
    width, _, patch_size, _ = _sizes(state, "visual.patch_embed.proj.weight", 4, path)
    return TowerShape(
        image_size=_image_size(_sizes(state, "visual.pos_embed", 3, path)[1], patch_size, card, path),
        patch_size=patch_size,
        vision_width=width,
        vision_layers=_n_blocks(state, "visual.blocks."),
        vision_heads=_heads("vision", width, card.vision_heads, PUBLISHED_VISION_HEADS, path),
        vision_hidden=_sizes(state, "visual.blocks.0.mlp.fc1.weight", 2, path)[0],
    )


def read_shape(state: Mapping[str, Tensor], card: ModelCard, path: Path) -> SlipShape:
    """Read the sizes of both towers; otherwise as :func:`read_tower`."""
    context_length, width = _sizes(state, "positional_embedding", 2, path)
    return SlipShape(
        tower=read_tower(state, card, path),
        context_length=_context_length(context_length, card, path),
        vocabulary=_sizes(state, "token_embedding.weight", 2, path)[0],
        text_width=width,
        text_layers=_n_blocks(state, "transformer.resblocks."),
        text_heads=_heads("text", width, card.text_heads, PUBLISHED_TEXT_HEADS, path),
        text_hidden=_sizes(state, "transformer.resblocks.0.mlp.c_fc.weight", 2, path)[0],
        dim=_sizes(state, IMAGE_PROJECTION, 2, path)[1],
    )


def _sizes(state: Mapping[str, Tensor], name: str, n_axes: int, path: Path) -> tuple[int, ...]:
    if name not in state:
        raise InputError(f"{path}: tensor {name} is missing; this is no SLIP, CLIP or SimCLR checkpoint")
    if state[name].ndim != n_axes:
        raise InputError(f"{path}: tensor {name} has shape {tuple(state[name].shape)}, allowed: {n_axes} axes")
    return tuple(state[name].shape)


def _n_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _image_size(n_places: int, patch_size: int, card: ModelCard, path: Path) -> int:
    """The side that the position embeddings cover (one is the class token's); model.yaml must not name another."""
    side = round((n_places - 1) ** 0.5) * patch_size
    if (side // patch_size) ** 2 + 1 != n_places:
        raise InputError(f"{path}: {n_places} position embeddings are no square of patches and a class token")
    if card.image_size not in (None, side):
        raise bad_value("image_size", card.image_size, f"{side}, as {path} shows", where=str(path.with_name(CARD)))
    return side


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
    return name if name.startswith((VISUAL, IMAGE_PROJECTION)) else f"text.{name}"
