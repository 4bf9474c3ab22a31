"""Checkpoints with random weights in the published formats, and SLIP's forward pass written plainly in float64."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

VOCABULARY, CONTEXT = 49408, 24
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
SLIP_CARD = {"kind": "slip", "weights": "slip.pt", "image_size": 32, **IMAGENET, "interpolation": "bilinear"}
OPEN_CLIP_CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 32, "heads": 2, "layers": 2},
}
OPEN_CLIP_CARD = {
    "kind": "open_clip",
    "architecture": "open_clip_config.json",
    "weights": "open_clip_model.safetensors",
    "image_size": 32,
    **IMAGENET,
    "interpolation": "bicubic",
}


def slip_state(
    *, width: int = 48, text_width: int = 32, layers: int = 2, dim: int = 24, patch: int = 8
) -> dict[str, Tensor]:
    """Random weights under SLIP's names, those of self-supervision and of the loss included."""
    torch.manual_seed(width)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape) * (0.3 if len(shape) < 2 else 0.6 * shape[-1] ** -0.5)

    def linear(name: str, out: int, into: int) -> dict[str, Tensor]:
        return {f"{name}.weight": normal(out, into), f"{name}.bias": normal(out)}

    def norm(name: str, size: int) -> dict[str, Tensor]:
        return {f"{name}.weight": 1 + normal(size), f"{name}.bias": normal(size)}

    state = {
        "logit_scale": torch.tensor(2.659),
        "image_projection": normal(width, dim),
        "text_projection": normal(text_width, dim),
        "positional_embedding": normal(CONTEXT, text_width),
        "token_embedding.weight": torch.randn(VOCABULARY, text_width),
        "visual.cls_token": normal(1, 1, width),
        "visual.pos_embed": normal(1, (32 // patch) ** 2 + 1, width),
        "visual.patch_embed.proj.weight": torch.randn(width, 3, patch, patch) * 0.05,
        "visual.patch_embed.proj.bias": normal(width),
        **norm("visual.norm", width),
        **norm("ln_final", text_width),
        **linear("image_mlp.layer1", 8, width),
    }
    for place in range(layers):
        block, text = f"visual.blocks.{place}", f"transformer.resblocks.{place}"
        state |= {
            **norm(f"{block}.norm1", width),
            **linear(f"{block}.attn.qkv", 3 * width, width),
            **linear(f"{block}.attn.proj", width, width),
            **norm(f"{block}.norm2", width),
            **linear(f"{block}.mlp.fc1", 4 * width, width),
            **linear(f"{block}.mlp.fc2", width, 4 * width),
            **norm(f"{text}.ln_1", text_width),
            f"{text}.attn.in_proj_weight": normal(3 * text_width, text_width),
            f"{text}.attn.in_proj_bias": normal(3 * text_width),
            **linear(f"{text}.attn.out_proj", text_width, text_width),
            **norm(f"{text}.ln_2", text_width),
            **linear(f"{text}.mlp.c_fc", 4 * text_width, text_width),
            **linear(f"{text}.mlp.c_proj", text_width, 4 * text_width),
        }
    return state


def write_slip(folder: Path, state: dict[str, Tensor], **card: Any) -> Path:
    """Write `state` as the SLIP project writes its checkpoints, and a model.yaml changed by `card` (None: without)."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "epoch": 25,
        "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 3e-3, "betas": (0.9, 0.98)}]},
        "scaler": {"scale": 65536.0},
        "args": Namespace(model="SLIP_VITL16", lr=3e-3),
    }
    torch.save(checkpoint, folder / "slip.pt")
    return write_card(folder, {**SLIP_CARD, "vision_heads": 4, "text_heads": 2, **card})


def write_open_clip(folder: Path, network: torch.nn.Module, config: dict[str, Any], **card: Any) -> Path:
    """Write a network as open_clip writes one for a hub, and a model.yaml."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    hub = {"model_cfg": config, "preprocess_cfg": {**IMAGENET, "interpolation": "bicubic"}}
    (folder / "open_clip_config.json").write_text(json.dumps(hub))
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    return write_card(folder, {**OPEN_CLIP_CARD, **card})


def write_card(folder: Path, values: dict[str, Any]) -> Path:
    """Write model.yaml; values that are None are left out."""
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / "model.yaml").write_text(yaml.safe_dump(kept))
    return folder


def plain_image_features(state: dict[str, Tensor], pixels: Tensor, *, heads: int) -> Tensor:
    """Class token of a pre-norm vision transformer, projected."""
    x = plain_tokens(state, pixels, heads=heads, n_blocks=_n_blocks(state, "visual.blocks."))
    state = {name: tensor.double() for name, tensor in state.items()}
    return _norm(x, state["visual.norm.weight"], state["visual.norm.bias"], 1e-6)[:, 0] @ state["image_projection"]


def plain_tokens(state: dict[str, Tensor], pixels: Tensor, *, heads: int, n_blocks: int) -> Tensor:
    """Tokens of a pre-norm vision transformer behind its n-th block, the class token first."""
    state = {name: tensor.double() for name, tensor in state.items()}
    n, (width, _, patch, _) = len(pixels), state["visual.patch_embed.proj.weight"].shape
    side = pixels.shape[-1] // patch
    patches = pixels.double().reshape(n, 3, side, patch, side, patch).permute(0, 2, 4, 1, 3, 5).reshape(n, side**2, -1)
    embedded = patches @ state["visual.patch_embed.proj.weight"].reshape(width, -1).T
    embedded = embedded + state["visual.patch_embed.proj.bias"]
    x = torch.cat([state["visual.cls_token"].expand(n, 1, width), embedded], dim=1) + state["visual.pos_embed"]
    for place in range(n_blocks):
        block = {key.removeprefix(f"visual.blocks.{place}."): value for key, value in state.items()}
        y = _norm(x, block["norm1.weight"], block["norm1.bias"], 1e-6)
        y = _attention(y, block["attn.qkv.weight"], block["attn.qkv.bias"], heads, causal=False)
        x = x + y @ block["attn.proj.weight"].T + block["attn.proj.bias"]
        y = (
            _norm(x, block["norm2.weight"], block["norm2.bias"], 1e-6) @ block["mlp.fc1.weight"].T
            + block["mlp.fc1.bias"]
        )
        y = 0.5 * y * (1 + torch.erf(y / 2**0.5))
        x = x + y @ block["mlp.fc2.weight"].T + block["mlp.fc2.bias"]
    return x


def plain_text_features(state: dict[str, Tensor], tokens: Tensor, *, heads: int) -> Tensor:
    """Causal transformer read at the end-of-text token (the largest id), projected."""
    state = {name: tensor.double() for name, tensor in state.items()}
    x = state["token_embedding.weight"][tokens] + state["positional_embedding"]
    for place in range(_n_blocks(state, "transformer.resblocks.")):
        block = {key.removeprefix(f"transformer.resblocks.{place}."): value for key, value in state.items()}
        y = _norm(x, block["ln_1.weight"], block["ln_1.bias"], 1e-5)
        y = _attention(y, block["attn.in_proj_weight"], block["attn.in_proj_bias"], heads, causal=True)
        x = x + y @ block["attn.out_proj.weight"].T + block["attn.out_proj.bias"]
        y = (
            _norm(x, block["ln_2.weight"], block["ln_2.bias"], 1e-5) @ block["mlp.c_fc.weight"].T
            + block["mlp.c_fc.bias"]
        )
        y = y / (1 + torch.exp(-1.702 * y))
        x = x + y @ block["mlp.c_proj.weight"].T + block["mlp.c_proj.bias"]
    x = _norm(x, state["ln_final.weight"], state["ln_final.bias"], 1e-5)
    return torch.stack([row[ids.argmax()] for row, ids in zip(x, tokens, strict=True)]) @ state["text_projection"]


def _n_blocks(state: dict[str, Tensor], prefix: str) -> int:
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix))


def _norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / (centred.pow(2).mean(dim=-1, keepdim=True) + epsilon).sqrt() * weight + bias


def _attention(x: Tensor, weight: Tensor, bias: Tensor, heads: int, *, causal: bool) -> Tensor:
    queries, keys, values = (x @ weight.T + bias).chunk(3, dim=-1)
    size = queries.shape[-1] // heads
    outputs = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = queries[..., part] @ keys[..., part].transpose(1, 2) / size**0.5
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        outputs.append(scores.softmax(dim=-1) @ values[..., part])
    return torch.cat(outputs, dim=-1)
