"""Layers of an image tower by name, all of them out of one forward pass.

    final                       what the model itself gives: the shared space
    class-N, mean-N, both-N     class token, mean of the patch tokens, and both side by side, behind block N

N counts blocks from 1, or is a fraction of the depth written with a point: of 12 blocks ``mean-0.75`` is ``mean-9``
(the nearest block, of two the later; 1.0 is the last). Features are taken as they leave the block, before the final
norm and the projection, which are made for the last block alone. A residual network has stages in place of blocks and
no tokens: ``mean-N`` is the mean over places.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer as OpenClipTransformer
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer as TimmTransformer
from torch import Tensor, nn

from pipeline_lib.common.errors import bad_value

FINAL = "final"
NAME = re.compile(r"([a-z]+)-(?:(\d{1,4})|(\d\.\d+))", re.ASCII)

Pick = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Blocks:
    """The blocks of an image tower. Defaults to none: a tower that only gives its final features.

    Attributes
    ----------
    modules : sequence of Module
        In the order in which they are run.
    kinds : mapping of str to callable
        What can be taken behind each of them: a block's output to features, shape (n_images, dim).
    """

    modules: Sequence[nn.Module] = ()
    kinds: Mapping[str, Pick] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every layer by its block's number."""
        return (FINAL, *(f"{kind}-{n}" for kind in self.kinds for n in range(1, len(self.modules) + 1)))

    def check(self, layers: Sequence[str]) -> None:
        """Refuse layers that are not there.

        Raises
        ------
        InputError
            Naming the first of them, and the layers that are.
        """
        for layer in layers:
            if layer != FINAL and self._place(layer) is None:
                raise bad_value("features.layers", layer, self._described())

    def number(self, layer: str) -> int:
        """The number, from 1, of the block behind which an intermediate layer is taken; `layer` must be there."""
        return self._place(layer)[1]

    @contextmanager
    def tapped(self, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """While the context lasts, the network's forward pass leaves its intermediate layers in the mapping given."""
        taken: dict[str, Tensor] = {}

        def take(layer: str, pick: Pick, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
            taken[layer] = pick(output)

        with ExitStack() as hooks:
            for layer in layers:
                if layer != FINAL:
                    kind, number = self._place(layer)
                    hook = partial(take, layer, self.kinds[kind])
                    hooks.callback(self.modules[number - 1].register_forward_hook(hook).remove)
            yield taken

    def _place(self, layer: str) -> tuple[str, int] | None:
        """The kind and the number of the block that a name stands for, None where there is no such layer."""
        if not (parts := NAME.fullmatch(layer)) or parts[1] not in self.kinds:
            return None
        kind, number, fraction = parts.groups()
        if number is None:
            nearest = int(float(fraction) * len(self.modules) + 0.5)
            number = max(1, nearest) if 0 < float(fraction) <= 1 else 0
        return (kind, int(number)) if 1 <= int(number) <= len(self.modules) else None

    def _described(self) -> str:
        last = len(self.modules)
        ranges = [f"{kind}-1..{kind}-{last}" for kind in self.kinds]
        fraction = ["or a fraction of the depth such as mean-0.75"] if ranges else []
        return ", ".join([FINAL, *ranges, *fraction])


def blocks_of(network: nn.Module) -> Blocks:
    """The blocks of a network's image tower, its attribute ``visual``; none where the tower is of an unknown kind."""
    visual = getattr(network, "visual", None)
    tower = getattr(visual, "trunk", visual)  # open_clip wraps the towers that are timm's
    for kind, read in TOWERS.items():
        if isinstance(tower, kind):
            return read(tower)
    return Blocks()


def _open_clip_transformer(tower: OpenClipTransformer) -> Blocks:
    return Blocks(tower.transformer.resblocks, token_kinds(prefix=1, has_class=True))


def _timm_transformer(tower: TimmTransformer | Eva) -> Blocks:
    return Blocks(tower.blocks, token_kinds(tower.num_prefix_tokens, has_class=tower.cls_token is not None))


def _residual(tower: ModifiedResNet) -> Blocks:
    return Blocks([tower.layer1, tower.layer2, tower.layer3, tower.layer4], {"mean": lambda maps: maps.mean((-2, -1))})


def token_kinds(prefix: int, *, has_class: bool) -> dict[str, Pick]:
    """What tokens, shape (n_images, n_tokens, dim), give: the first `prefix` of them are none of the picture's patches.

    Nothing of the tokens themselves is kept: those of all blocks of a large tower would fill a GPU.
    """

    def mean(tokens: Tensor) -> Tensor:
        return tokens[:, prefix:].mean(dim=1)

    def both(tokens: Tensor) -> Tensor:
        return torch.cat([tokens[:, 0], mean(tokens)], dim=1)

    return {"class": lambda tokens: tokens[:, 0].clone(), "mean": mean, "both": both} if has_class else {"mean": mean}


TOWERS: dict[type[nn.Module], Callable[[Any], Blocks]] = {
    OpenClipTransformer: _open_clip_transformer,
    TimmTransformer: _timm_transformer,
    Eva: _timm_transformer,
    ModifiedResNet: _residual,
}
