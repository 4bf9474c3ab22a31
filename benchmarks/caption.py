"""How fast captions are written: against the bare model's `generate`, and against one image at a time.

    python -m benchmarks.caption                            # a few minutes; on the GPU where there is one
    python -m benchmarks.caption --quick --json -           # half a minute
    python -m benchmarks.caption --model weights/blip2      # a real model

Three ways to caption the same pictures with the same model: `generate` alone, on batches that were prepared before the
clock starts; the pipeline, from the files to captions that are on the disk; and the loop that is usual elsewhere, which
opens, prepares and describes one picture after the other. They take turns, and the median over the turns counts.
What is measured goes to standard output as one JSON object; what is being done, to standard error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.interleaved import Times, interleaved
from benchmarks.processes import scratch_folder
from benchmarks.reporting import ROOT, rounded, say, surroundings, write_figures
from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.common.batches import batched
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.params import load_section

LIBRARIES = ("torch", "transformers", "accelerate", "pillow")
PROMPT = "This is a photo of"
SIDE = 500  # pixels of a picture; those of THINGS-EEG2 are as large


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    images: int
    batch_size: int
    rounds: int


FULL, QUICK = Size(images=128, batch_size=32, rounds=5), Size(images=16, batch_size=8, rounds=3)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few pictures.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    model: Annotated[Path | None, typer.Option(help="A captioner's folder; else a BLIP-2 of random weights.")] = None,
    dtype: Annotated[str, typer.Option(help="What the model computes in.")] = "float32",
    scratch: Annotated[Path | None, typer.Option(help="Where to write the pictures; removed afterwards.")] = None,
) -> None:
    """Measure captioning on this machine."""
    figures = {"benchmark": "caption", "quick": quick, **surroundings(LIBRARIES)}
    with scratch_folder(scratch) as folder:
        figures["captions"] = caption_figures(QUICK if quick else FULL, folder, model, dtype)
    write_figures(figures, report)


def caption_figures(size: Size, folder: Path, model: Path | None, dtype: str) -> dict[str, Any]:
    """Images per second of the three ways, and whether they write the same captions."""
    from pipeline_lib.captioning.model_source import decoding_of

    params = load_section(ROOT / "params.yaml", "caption", CaptionParams)
    use_threads(params.threads)
    say(f"writing {size.images} pictures to {folder}")
    files = write_pictures(folder, size.images)
    captioner = load(model or write_model(folder / "model"), dtype, decoding_of(params))
    ways = {
        "bare": bare(captioner, files, size.batch_size),
        "pipeline": lambda: pipeline(captioner, files, size.batch_size, folder),
        "one_at_a_time": lambda: one_at_a_time(captioner, files),
    }
    captions, times = take_turns(ways, size.rounds)
    rates = {name: size.images / median(taken.wall) for name, taken in times.items()}
    return {
        "images": size.images,
        "batch_size": size.batch_size,
        "device": captioner.model.device.type,
        "dtype": dtype,
        "threads": params.threads,
        "parameters": captioner.model.num_parameters(),
        "new_tokens": captioner.decoding.max_new_tokens,
        "images_per_s": {name: rounded(rate) for name, rate in rates.items()},
        "times_bare": rounded(rates["pipeline"] / rates["bare"]),
        "times_one_at_a_time": rounded(rates["pipeline"] / rates["one_at_a_time"]),
        "same_captions": captions["pipeline"] == captions["bare"] == captions["one_at_a_time"],
    }


def take_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, Any], dict[str, Times]]:
    """Run each way once a round, after one that is not measured; what each gave, and how long it took."""
    results: dict[str, Any] = {}

    def kept(name: str) -> Callable[[], None]:
        return lambda: results.update({name: ways[name]()})

    return results, interleaved({name: kept(name) for name in ways}, rounds)


def bare(captioner: Any, files: Sequence[Path], batch_size: int) -> Callable[[], list[Any]]:
    """`generate` on the pipeline's own batches, prepared here and now."""
    from pipeline_lib.captioning.pictures import read_picture

    batches = [
        captioner.prepare([read_picture(file) for file in part], [PROMPT] * len(part))
        for part in batched(files, batch_size)
    ]
    return lambda: [
        caption for inputs in batches for caption in captioner.write(inputs, [""] * len(inputs["input_ids"]))
    ]


def pipeline(captioner: Any, files: Sequence[Path], batch_size: int, folder: Path) -> list[Any]:
    """As stage `caption` does it: read ahead, prepared ahead, kept on the disk."""
    from pipeline_lib.captioning.describing import Request, describe_all
    from pipeline_lib.captioning.scratch import Scratch

    requests = [Request(file.name, file, PROMPT) for file in files]
    scratch = Scratch(folder / "captions.csv", {"benchmark": 1})
    captions, _ = describe_all(captioner, requests, batch_size=batch_size, scratch=scratch)
    scratch.discard()
    return captions


def one_at_a_time(captioner: Any, files: Sequence[Path]) -> list[Any]:
    """One picture after the other, each with its prompt."""
    from pipeline_lib.stimuli.images import read_image

    return [captioner.describe([read_image(file)], [PROMPT])[0] for file in files]


def load(folder: Path, dtype: str, decoding: Any) -> Any:
    """The captioner in `folder`."""
    from pipeline_lib.captioning.loading import load_captioner
    from pipeline_lib.captioning.whereabouts import find_model

    return load_captioner(
        find_model(folder), source="model", dtype=dtype, device=pick_device("auto"), decoding=decoding
    )


def write_model(folder: Path) -> Path:
    """A BLIP-2 with pictures of 224 pixels and random weights, small enough for a CPU: 8 million parameters."""
    import torch
    from transformers import AutoProcessor, Blip2Config, Blip2ForConditionalGeneration

    processor = AutoProcessor.from_pretrained(ROOT / "data" / "models" / "phantom" / "blip2", backend="pil")
    processor.image_processor.size = {"height": 224, "width": 224}
    processor.num_query_tokens = 32
    tokenizer = processor.tokenizer
    tower = {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 6}
    language = {"hidden_size": 256, "ffn_dim": 1024, "num_hidden_layers": 4, "num_attention_heads": 8}
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    config = Blip2Config(
        vision_config={**tower, "image_size": 224, "patch_size": 16},
        qformer_config={**tower, "num_hidden_layers": 2, "encoder_hidden_size": 192, "vocab_size": len(tokenizer)},
        text_config={**language, **ids, "model_type": "opt", "word_embed_proj_dim": 256, "vocab_size": len(tokenizer)},
        num_query_tokens=32,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_pictures(folder: Path, count: int) -> list[Path]:
    """JPEG files of soft blobs, each another."""
    rng, files = np.random.default_rng(0), []
    for number in range(count):
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        files.append(folder / f"{number:04d}.jpg")
        cv2.imwrite(str(files[-1]), cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    return files


if __name__ == "__main__":
    run_stage(main)
