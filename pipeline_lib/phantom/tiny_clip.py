"""The phantom's image-text model: a tiny CLIP, really trained on drawn pictures, written as a SLIP checkpoint.

It differs from a SLIP checkpoint in its sizes alone: a timm vision transformer (class token through the final norm,
epsilon 1e-6, plain GELU), a CLIP text transformer (QuickGELU, epsilon 1e-5, feature at the end-of-text token), CLIP's
tokenizer with its 49408 tokens, projections without bias, and the parameter names of SLIP's own code. Embeddings of
tokens that never occur stay zero, so that git packs the file well.

Training pictures are shown plain and weighted by saliency-like maps (see :mod:`pipeline_lib.phantom.tiny_training`).
"""

from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import yaml
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, Transformer
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from pipeline_lib.phantom.images import Concept
from pipeline_lib.phantom.tiny_training import IMAGE_SIZE, MEAN, STD, Pictures, normalized, round_to_half, train, varied

VOCABULARY, CONTEXT_LENGTH = 49408, 32
MOST_TOKENS = 16  # of a training caption; what stands behind the end of a text has no effect
VISION = {"patch_size": 8, "embed_dim": 128, "depth": 4, "num_heads": 4}
TEXT = {"width": 64, "layers": 2, "heads": 2}
EMBED_DIM = 128
WORDINGS = ("a photo of a {}", "This is a photo of a {}", "a {}", "{}")  # captions differ in their opening words
# Every picture has a full caption and two that name one attribute: full captions alone teach colour, the easy one, and
# then for long nothing else.
NAMED = (("pattern", "color", "shape"), ("shape",), ("pattern",))
WEIGHTED_SHARE = 0.5  # of each batch is shown weighted by a map, once the plain pictures are understood
PLAIN_STEPS = 0.4  # of the steps come before that
RECOLORED_SHARE = 0.25  # of the pictures have their colour channels exchanged, and captions that name no colour


class TinyClip(nn.Module):
    """Two towers and a scale, named as in SLIP's code."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = VisionTransformer(img_size=IMAGE_SIZE, num_classes=0, **VISION)
        self.transformer = Transformer(**TEXT, act_layer=QuickGELU)
        self.token_embedding = nn.Embedding(VOCABULARY, TEXT["width"])
        self.positional_embedding = nn.Parameter(0.02 * torch.randn(CONTEXT_LENGTH, TEXT["width"]))
        self.ln_final = nn.LayerNorm(TEXT["width"])
        self.image_projection = nn.Parameter(torch.randn(VISION["embed_dim"], EMBED_DIM) * VISION["embed_dim"] ** -0.5)
        self.text_projection = nn.Parameter(torch.randn(TEXT["width"], EMBED_DIM) * TEXT["width"] ** -0.5)
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        nn.init.zeros_(self.token_embedding.weight)
        self._start_vision_tower()

    @torch.no_grad()
    def _start_vision_tower(self) -> None:
        """Start as suits a small tower: timm's deviation of 0.02, meant for a width of 768, learns nothing for long.

        Places start as sines and cosines, not as noise, so that neighbours are alike and shapes can be seen early.
        """
        for name, weights in self.visual.named_parameters():
            if weights.ndim > 1:
                weights.normal_(std=weights[0].numel() ** -0.5)
            if name.endswith(("attn.proj.weight", "mlp.fc2.weight")):
                weights.mul_((2 * VISION["depth"]) ** -0.5)
        side = IMAGE_SIZE // VISION["patch_size"]
        self.visual.pos_embed[0, 1:] = build_sincos2d_pos_embed([side, side], VISION["embed_dim"], temperature=30.0)

    def encode_image(self, images: Tensor) -> Tensor:
        """Unit embeddings, shape (n, dim), of normalised images, shape (n, 3, 64, 64)."""
        return normalize(self.visual(images) @ self.image_projection, dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Unit embeddings, shape (n, dim), of CLIP tokens, shape (n, length); length may be cut after the last word."""
        length = tokens.shape[1]
        hidden = self.token_embedding(tokens) + self.positional_embedding[:length]
        look_back = torch.full((length, length), float("-inf")).triu(1)
        hidden = self.ln_final(self.transformer(hidden, attn_mask=look_back))
        end = tokens.argmax(dim=-1)
        return normalize(hidden[torch.arange(len(tokens)), end] @ self.text_projection, dim=-1)


def contrastive_loss(image: Tensor, text: Tensor, meaning: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross-entropy of image-text similarities, in which all texts of the same meaning are right.

    Parameters
    ----------
    image, text : Tensor, shape (n, dim)
        Unit embeddings; row i of each belongs to picture i.
    meaning : Tensor of int64, shape (n,)
        Equal for rows whose texts say the same.
    scale : Tensor
        Multiplies the similarities.

    Returns
    -------
    Tensor, shape ()
    """
    same = (meaning[:, None] == meaning).float()
    target = same / same.sum(dim=1, keepdim=True)
    logits = scale * image @ text.T
    return -0.5 * (target * (log_softmax(logits, dim=1) + log_softmax(logits.T, dim=1))).sum(dim=1).mean()


def train_clip(
    pictures: Pictures, concepts: list[Concept], *, steps: int, batch_size: int, learning_rate: float, seed: int
) -> tuple[TinyClip, list[float]]:
    """Train a tiny CLIP on pictures and their captions.

    Parameters
    ----------
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
    model : TinyClip
    losses : list of float
        At each step.
    """
    captions = torch.stack([caption_tokens(concepts, parts) for parts in NAMED])
    meanings = torch.stack([_same_caption(concepts, parts) for parts in NAMED])
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = TinyClip().train()
    with torch.no_grad():
        used = captions.unique()
        model.token_embedding.weight[used] = 0.02 * torch.randn(len(used), TEXT["width"], generator=generator)

    def loss_of_a_batch(step: int) -> Tensor:
        chosen = torch.randint(len(pictures.pixels), (batch_size,), generator=generator)
        wording = torch.randint(len(WORDINGS), (batch_size,), generator=generator)
        concept = pictures.concept[chosen]
        weighted_share = WEIGHTED_SHARE if step >= PLAIN_STEPS * steps else 0.0
        images = normalized(varied(pictures.pixels[chosen], generator, weighted_share=weighted_share))
        recolored = torch.rand(batch_size, generator=generator) < RECOLORED_SHARE
        image = model.encode_image(_with_channels_exchanged(images, recolored, generator))
        texts = model.encode_text(captions[:, wording, concept].flatten(0, 1)).chunk(len(NAMED))
        scale = model.logit_scale.exp().clamp(max=100)
        loss = torch.zeros(())
        for parts, text, meaning in zip(NAMED, texts, meanings[:, concept], strict=True):
            told = ~recolored if "color" in parts else slice(None)
            loss = loss + contrastive_loss(image[told], text[told], meaning[told], scale)
        return loss

    losses = train(model, loss_of_a_batch, steps=steps, learning_rate=learning_rate, label="tiny CLIP")
    round_to_half(model)
    return model.eval(), losses


def _with_channels_exchanged(images: Tensor, which: Tensor, generator: torch.Generator) -> Tensor:
    """Put red, green and blue of some images in another order: what is learned of a shape must hold in any colour."""
    order = torch.arange(3).repeat(len(images), 1)
    order[which] = torch.rand((int(which.sum()), 3), generator=generator).argsort(dim=1)
    return images[torch.arange(len(images))[:, None], order]


def caption_tokens(concepts: list[Concept], named: tuple[str, ...] = NAMED[0]) -> Tensor:
    """CLIP's tokens of every wording of every concept's caption.

    Parameters
    ----------
    concepts : list of Concept
    named : tuple of str
        The attributes that the captions name. Defaults to all.

    Returns
    -------
    Tensor of int64, shape (n_wordings, n_concepts, MOST_TOKENS)
    """
    tokenizer = SimpleTokenizer(context_length=MOST_TOKENS)
    captions = [_partial_caption(concept, named) for concept in concepts]
    return torch.stack([tokenizer([wording.format(caption) for caption in captions]) for wording in WORDINGS])


def _partial_caption(concept: Concept, named: tuple[str, ...]) -> str:
    words = [getattr(concept, attribute) for attribute in NAMED[0] if attribute in named]
    return " ".join(words if "shape" in named else [*words, "thing"])


def _same_caption(concepts: list[Concept], named: tuple[str, ...]) -> Tensor:
    """One number per concept, shape (n_concepts,), equal for those with the same caption."""
    captions = [_partial_caption(concept, named) for concept in concepts]
    return torch.tensor([captions.index(caption) for caption in captions])


def write_slip(model: TinyClip, folder: Path, *, steps: int) -> None:
    """Write `model` as SLIP writes its checkpoints, and beside it what the checkpoint cannot say.

    Parameters
    ----------
    model : TinyClip
    folder : Path
        Is created; gets ``weights.pt`` and ``model.yaml``.
    steps : int
        Noted in the checkpoint, as SLIP notes its settings.
    """
    folder.mkdir(parents=True)
    state = {f"module.{name}": weights.detach().clone() for name, weights in model.state_dict().items()}
    settings = Namespace(model="CLIP_TINY", dataset="phantom", steps=steps)
    torch.save({"epoch": 1, "state_dict": state, "args": settings}, folder / "weights.pt")
    card = {
        "kind": "slip",
        "weights": "weights.pt",
        "image_size": IMAGE_SIZE,
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bilinear",
        "vision_heads": VISION["num_heads"],
        "text_heads": TEXT["heads"],
        "context_length": CONTEXT_LENGTH,
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
