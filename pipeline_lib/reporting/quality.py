"""Quality of the recordings: events kept and dropped, conditioning, signal and noise ceiling of every subject."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.quality import NOISY
from pipeline_lib.reporting.style import label, literal, new_figure

KEYS = ("subject", "trials", "condition", "responses", "flat_channels", "noisy_channels")
MEASURES = {
    "condition": ("Conditioning of the noise covariance", "condition number (ratio)"),
    "evoked_snr": ("Single-trial signal", "evoked SNR (ratio)"),
    "noise_ceiling": ("Noise ceiling of the mean over repeats", "noise ceiling (correlation)"),
}
EVENTS_CAPTION = "Every event of the recordings: trials kept, by partition, and events left out, by the reason."
SIGNAL_CAPTION = (
    "Dots are sessions or partitions. Evoked SNR: variance of the response over images by that of a single trial's "
    "noise. Noise ceiling: the most that a perfect prediction could correlate with the mean over an image's trials. "
    "Both are means over channels and samples from onset on; the axes need not start at 0."
)
CHANNELS_CAPTION = (
    "Each channel's standard deviation before whitening, as its distance from the median channel in robust standard "
    "deviations; boxes span the quartiles, whiskers 1.5 times as far at most."
)
BAR = 0.7


def read_quality(folder: Path, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """The quality file of each subject, as stage preprocess wrote it.

    Raises
    ------
    InputError
        If a file is missing or is none.
    """
    return [_read(folder / f"{subject}.quality.json") for subject in subjects]


def read_channels(folder: Path, subjects: Sequence[str]) -> pd.DataFrame:
    """The channel rows of all subjects: ``subject``, ``channel``, ``robust_z``, ``deviation`` ...; errors as above."""
    return pd.concat([_channels(folder / f"{subject}.quality.csv", subject) for subject in subjects])


def events_table(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Columns ``subject``, ``fate`` (``kept, train``, ``dropped, target`` ...) and ``events``, how many."""
    rows = [
        {"subject": quality["subject"], "fate": f"{fate}, {what}", "events": count}
        for quality in found
        for fate, counts in quality["trials"].items()
        for what, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["subject", "fate", "events"])


def signal_table(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Columns ``subject``, ``measure`` (a key of :data:`MEASURES`), ``of`` (a session or partition) and ``value``."""
    rows = [row for quality in found for row in _signal_rows(quality)]
    return pd.DataFrame(rows, columns=["subject", "measure", "of", "value"]).dropna()


def overview(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each subject, as people read it."""
    return pd.DataFrame([_overview_row(quality) for quality in found])


def draw_events(table: pd.DataFrame) -> Figure:
    """Stacked bars: what became of each subject's events; from :func:`events_table`."""
    counts = table.pivot_table(index="subject", columns="fate", values="events", sort=False).fillna(0)
    figure = new_figure(width=max(5.0, 0.5 * len(counts)))
    axes = figure.subplots()
    below = pd.Series(0.0, index=counts.index)
    for fate in counts:
        axes.bar(_names(counts.index), counts[fate], BAR, bottom=below, label=literal(fate))
        below += counts[fate]
    label(axes, title="What became of the events", x="subject", y="events (count)")
    _crowded(axes, len(counts))
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_signal(table: pd.DataFrame) -> Figure:
    """Conditioning, signal and noise ceiling of each subject, a panel each; from :func:`signal_table`."""
    measures = [name for name in MEASURES if name in set(table["measure"])]
    figure = new_figure(1, max(1, len(measures)), width=4.3)
    figure.get_layout_engine().set(w_pad=0.1)
    for axes, name in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
        rows = table[table["measure"] == name]
        for of, points in rows.groupby("of", sort=False):
            axes.plot(_names(points["subject"]), points["value"], "o", label=literal(of))
        label(axes, title=MEASURES[name][0], x="subject", y=MEASURES[name][1])
        _crowded(axes, rows["subject"].nunique())
        axes.legend(fontsize="small")
        axes.margins(y=0.15)
    return figure


def draw_channels(table: pd.DataFrame) -> Figure:
    """How far channels' deviations lie from the others', a box for each subject; from :func:`read_channels`."""
    groups = {subject: rows["robust_z"].dropna() for subject, rows in table.groupby("subject", sort=False)}
    figure = new_figure(width=max(5.0, 0.5 * len(groups)))
    axes = figure.subplots()
    axes.boxplot(list(groups.values()), tick_labels=_names(groups))
    axes.axhline(NOISY, color="tab:red", linestyle=":", linewidth=1, label="noisy channels are above")
    label(axes, title="Channels' standard deviations", x="subject", y="robust z (deviations)")
    _crowded(axes, len(groups))
    figure.legend(fontsize="small", loc="outside lower center", frameon=False)
    return figure


def _signal_rows(quality: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    subject = quality["subject"]
    for session, value in quality["condition"].items():
        yield {"subject": subject, "measure": "condition", "of": f"session {session}", "value": value}
    for step, partitions in quality["responses"].items():
        for partition, measured in partitions.items():
            for name in ("evoked_snr", "noise_ceiling"):
                yield {"subject": subject, "measure": name, "of": f"{partition}, {step}", "value": measured[name]}


def _overview_row(quality: Mapping[str, Any]) -> dict[str, Any]:
    kept, dropped = (quality["trials"].get(fate, {}) for fate in ("kept", "dropped"))
    return {
        "subject": quality["subject"],
        "recordings": quality.get("recordings", ""),
        **{f"{partition} trials": count for partition, count in kept.items()},
        "dropped": listed(f"{count} {reason}" for reason, count in dropped.items()) or "none",
        "flat channels": listed(quality["flat_channels"]) or "none",
        "noisy channels": listed(quality["noisy_channels"]) or "none",
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        quality = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; 'dvc repro preprocess' makes it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); 'dvc repro -f preprocess' makes it anew") from None
    if not isinstance(quality, dict) or not quality.keys() >= set(KEYS):
        raise InputError(f"{path}: is no quality file, which has {listed(KEYS)}; 'dvc repro -f preprocess' makes it")
    return quality


def _channels(path: Path, subject: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype={"channel": str}).assign(subject=subject)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; 'dvc repro preprocess' makes it") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is no table ({error}); 'dvc repro -f preprocess' makes it anew") from None


def _names(subjects: Sequence[str]) -> list[str]:
    return [literal(str(subject)) for subject in subjects]


def _crowded(axes: Axes, n_names: int) -> None:
    if n_names > 6:
        axes.tick_params(axis="x", rotation=90)
