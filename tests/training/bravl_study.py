"""A small BraVL for the made-up study."""

from typing import Any

from pipeline_lib.objectives.params import BRAVL_OBJECTIVES


def made_bravl(params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Turn the parameters of fixture `settings` into those of a small BraVL, and change some of section bravl."""
    small = {"hidden": 32, "latent_dim": 8, "image_components": 6, "beta_per_epoch": 0.05, "contrast_samples": 4}
    params["bravl"].update(enabled=True, **small | changes)
    params["encoder"].update(name="flat")
    params["loss"].update(objectives=list(BRAVL_OBJECTIVES), balancer="static")
    params["loss"]["static"]["weights"] = [1.0] * len(BRAVL_OBJECTIVES)
    params["train"].update(optimizer="adam", betas=[0.9, 0.999], learning_rate=0.003)
    return params
