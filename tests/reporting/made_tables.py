"""Small made-up tables, as the stages write them, one for each that a registered figure is drawn from."""

import numpy as np
import pandas as pd

from tests.reporting import made_analyses

PROTOCOLS = ("intra", "inter")


def curves(objectives=("brain_image", "image_text"), epochs=4, people=("sub-01", "sub-02"), **more):
    """Histories of one run per person and protocol; `more` are columns, constant or by epoch."""
    rows = []
    for number, protocol in enumerate(PROTOCOLS):
        for person, subject in enumerate(people):
            for epoch in range(1, epochs + 1):
                row = {"run": f"{protocol} {subject}-seed0", "epoch": epoch}
                for place, name in enumerate(objectives):
                    row |= {f"{part}_{name}": 5 / epoch + place + person + number for part in ("train", "valid")}
                    row |= {f"weight_{name}": 1 / len(objectives), f"grad_norm_{name}": 2.0 + person}
                rows.append(
                    row | {"valid_loss": 5 / epoch} | {f"branch_norm_{name}": 1.0 for name in ("brain", "image")}
                )
    return pd.DataFrame(rows).assign(**more)


def of_items(column, numbers, chance):
    """Accuracies of both protocols, two galleries and both directions."""
    rows = [
        (protocol, gallery, direction, number, min(1.0, chance(number) + 0.2), chance(number))
        for protocol in PROTOCOLS
        for gallery in ("image", "class-center")
        for direction in ("from-brain", "to-brain")
        for number in numbers
    ]
    return pd.DataFrame(rows, columns=["protocol", "gallery", "direction", column, "accuracy", "chance"])


def ranked(image_ids, concepts, protocols=PROTOCOLS):
    """Every image seen once by one person per protocol; the i-th is found at rank i + 1."""
    n = len(image_ids)
    rows = [
        {"protocol": protocol, "subject": "sub-01", "seed": 0, "image_id": seen, "concept": concept, "rank": i + 1}
        | {"similarity": 0.9 - 0.1 * i}
        | {f"found_{place}": image_ids[(place - 1) % n] for place in range(1, 6)}
        | {f"similarity_{place}": 1 - 0.1 * place for place in range(1, 6)}
        for protocol in protocols
        for i, (seen, concept) in enumerate(zip(image_ids, concepts, strict=True))
    ]
    return pd.DataFrame(rows)


MADE = {
    "plots/curves.csv": curves(kappa_image=0.7, rho_image=1.5, view_blur_low=0.4, view_blur_high=0.6),
    "plots/n_way.csv": of_items("n", (2, 10, 50), lambda n: 1 / n),
    "analysis/time_windows.csv": made_analyses.windows(),
    "analysis/regions.csv": made_analyses.areas(),
    "analysis/early_regions.csv": made_analyses.areas(),
    "analysis/concepts.csv": made_analyses.by_concept(),
    "analysis/confusions.csv": made_analyses.confused(),
    "analysis/categories.csv": made_analyses.by_category(),
    "analysis/topographies.csv": made_analyses.map_table(runs=made_analyses.RUNS),
    "analysis/attribution.csv": made_analyses.map_table(runs=made_analyses.RUNS),
    "analysis/similarity.csv": made_analyses.agreements(PROTOCOLS),
    "analysis/projection.csv": made_analyses.planes(["a", "a", "b", ""], runs=made_analyses.RUNS),
    "analysis/notes.csv": pd.DataFrame(columns=["protocol", "subject", "seed", "analysis", "note"]),
    "plots/top_k.csv": of_items("k", (1, 5, 10, 60), lambda k: k / 60),
}


def write_made(folder):
    """Write all of them below a folder of metrics."""
    for name, table in MADE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / name, index=False)


def quality(subject="sub-01", **changes):
    """A quality file's content."""
    measured = {"evoked_snr": 0.02, "noise_ceiling": 0.3}
    content = {
        "subject": subject,
        "recordings": f"data/raw/{subject}",
        "trials": {"kept": {"train": 80, "test": 20}, "dropped": {"target": 5}},
        "repeats": {"train": {"2": 40}, "test": {"10": 2}},
        "flat_channels": [],
        "noisy_channels": ["Oz"],
        "condition": {"1": 1200.0, "2": 1100.0},
        "responses": {"whitened": {"train": measured, "test": measured}},
    }
    return content | changes


def channels(count=6):
    """Its table of channels."""
    names = [f"E{number}" for number in range(count)]
    return pd.DataFrame({"channel": names, "deviation": 1e-5, "robust_z": np.linspace(-2, 6, count)})
