"""What the report shows, theme by theme. A further figure is a line in :data:`THEMES`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting import (
    attribution,
    categories,
    concepts,
    confusions,
    galleries,
    n_way,
    projection,
    quality,
    regions,
    saliency_steps,
    similarity,
    time_windows,
    top_k,
    topographies,
    trajectories,
)
from pipeline_lib.reporting.materials import Materials
from pipeline_lib.reporting.page import Drawing, Item, Lines, Rows
from pipeline_lib.reporting.style import literal_table
from pipeline_lib.reporting.texts import captions_sample, metrics_rows, settings_rows
from pipeline_lib.retrieval.report import read_report

REPORT = "retrieval.json"
RANKED = "analysis/ranked.csv"
THUMBNAIL = 128  # pixels
CONCEPTS, CONFUSIONS = "analysis/concepts.csv", "analysis/confusions.csv"
MEANS = "Means over the runs of all subjects and seeds, by windows of the time from onset."
CLOSE = "Images that are represented alike lie close to each other; distances between far ones mean little."
AGREEMENT = (
    "Rank correlation of distances between test images in two spaces, or between a space and categories; dots are runs."
)
BANDS = "Lines are means over the runs of all subjects and seeds, bands one standard deviation to each side."

Part = Callable[[Materials], Iterable[Item]]
Drawn = Figure | Mapping[str, Figure] | None


@dataclass(frozen=True)
class Shown:
    """A figure that is drawn from one table.

    Attributes
    ----------
    title : str
    table : str
        The csv below the metrics.
    draw : callable
        From the table to a figure, to several by the name of each, or to None where the table says nothing about it.
    chance : bool
        Each panel of it has the level of chance. Defaults to False.
    axes : bool
        Its panels have axes with labels; maps and pictures have none. Defaults to True.
    caption : str
        Stands below. Defaults to nothing.
    """

    title: str
    table: str
    draw: Callable[[pd.DataFrame], Drawn]
    chance: bool = False
    axes: bool = True
    caption: str = ""

    def __call__(self, materials: Materials) -> Iterator[Item]:
        """The figure; for a table without rows a line that says so."""
        table = materials.table(self.table)
        if table.empty:
            yield nothing_in(self.title, materials, self.table)
            return
        for name, figure in self.figures(table).items():
            yield Drawing(f"{self.title}: {name}" if name else self.title, figure, self.caption)

    def figures(self, table: pd.DataFrame) -> dict[str, Figure]:
        """The figures by their names, that of a single one is empty; none where there is nothing to draw."""
        drawn = self.draw(literal_table(table))
        return dict(drawn) if isinstance(drawn, Mapping) else {"": drawn} if drawn else {}


@dataclass(frozen=True)
class Theme:
    """A section of the page."""

    title: str
    parts: tuple[Part, ...]

    def items(self, materials: Materials) -> Iterator[Item]:
        """All that it shows."""
        for part in self.parts:
            yield from part(materials)


def nothing_in(title: str, materials: Materials, table: str) -> Lines:
    """The note in place of a figure."""
    where = materials.metrics / table
    reasons = materials.notes(table) or ["The analysis is switched off, or does not apply to these data."]
    return Lines(title, [f"Left out: {where} has no rows.", *reasons])


def about(materials: Materials) -> Iterator[Item]:
    """What has to be known to read the rest."""
    yield Lines("About these figures", read_report(materials.metrics / REPORT).get("about", []))


def accuracies(materials: Materials) -> Iterator[Item]:
    """The retrieval table."""
    yield Rows("Accuracies", metrics_rows(read_report(materials.metrics / REPORT)["details"]))


def matches(materials: Materials) -> Iterator[Item]:
    """The galleries of best and worst matches, for each protocol."""
    table = materials.table(RANKED)
    if table.empty:
        yield nothing_in("Best and worst matches", materials, RANKED)
    captions = dict(materials.captions.frame[["image_id", "text"]].itertuples(index=False))
    for protocol, rows in table.groupby("protocol", sort=False):
        for best, count in ((True, materials.report.best), (False, materials.report.worst)):
            title = f"{'Best' if best else 'Worst'} matches ({protocol})"
            chosen = galleries.chosen_matches(rows, count, best=best)
            if len(chosen):
                figure = galleries.draw(chosen, lambda name: materials.picture(name, THUMBNAIL), captions, title=title)
                yield Drawing(title, figure, "Below each picture: its similarity to the response, and its caption.")


def confused_categories(materials: Materials) -> Iterator[Item]:
    """The categories that are taken for each other; nothing where concepts have none."""
    found, seen = (literal_table(materials.table(name)) for name in (CONFUSIONS, CONCEPTS))
    if len(found) and seen["category"].any():
        figure = confusions.draw_categories(found, seen)
        yield Drawing("Confused categories", figure, confusions.CATEGORY_CAPTION)


def recordings(materials: Materials) -> Iterator[Item]:
    """Events, signal and channels of every subject."""
    found = quality.read_quality(materials.epochs, materials.subjects)
    yield Rows("Recordings", quality.overview(found))
    yield Drawing("Events", quality.draw_events(quality.events_table(found)))
    signal = quality.signal_table(found)
    if len(signal):
        yield Drawing("Signal", quality.draw_signal(signal))
    yield Drawing("Channels", quality.draw_channels(quality.read_channels(materials.epochs, materials.subjects)))


def saliency(materials: Materials) -> Iterator[Item]:
    """The saliency of a few test images, step by step."""
    if not materials.vse.enabled:
        yield Lines("Saliency", ["Left out: vse.enabled is false."])
        return
    size = materials.vse.size or saliency_steps.NATIVE
    test = materials.stimuli.of_split("test").head(materials.report.saliency)
    pictures = [(row.concept, materials.picture(row.image_id, size)) for row in test.itertuples()]
    if readable := [(concept, rgb) for concept, rgb in pictures if rgb is not None]:
        yield Drawing("Saliency", saliency_steps.draw(readable, materials.vse))


def captions(materials: Materials) -> Iterator[Item]:
    """A few captions."""
    if not len(materials.captions):
        yield Lines("Captions", [f"Left out: {materials.captions_file} has no rows."])
        return
    yield Rows("Captions", captions_sample(materials.captions, materials.report.captions))


def settings(materials: Materials) -> Iterator[Item]:
    """All of params.yaml."""
    yield Rows("Settings", settings_rows(materials.settings))


THEMES = (
    Theme("What has to be known", (about,)),
    Theme(
        "Retrieval",
        (
            accuracies,
            Shown("Top-k accuracy", "plots/top_k.csv", top_k.draw, chance=True),
            Shown("Expected n-way accuracy", "plots/n_way.csv", n_way.draw, chance=True),
        ),
    ),
    Theme(
        "When and where",
        (
            Shown(
                "Accuracy by time window",
                "analysis/time_windows.csv",
                time_windows.draw,
                chance=True,
                caption=time_windows.CAPTION,
            ),
            Shown("Accuracy by region", "analysis/regions.csv", regions.draw, caption=regions.CAPTION),
            Shown(
                "Accuracy by region, early", "analysis/early_regions.csv", regions.draw, caption=regions.EARLY_CAPTION
            ),
            Shown("Responses", "analysis/topographies.csv", topographies.draw, axes=False, caption=MEANS),
            Shown("Attribution", "analysis/attribution.csv", attribution.draw, axes=False, caption=MEANS),
        ),
    ),
    Theme(
        "What is found",
        (
            matches,
            Shown("Concepts", CONCEPTS, concepts.draw, chance=True, caption=concepts.CAPTION),
            Shown("Categories", "analysis/categories.csv", categories.draw, chance=True, caption=categories.CAPTION),
            Shown("Confused concepts", CONFUSIONS, confusions.draw, caption=confusions.CAPTION),
            confused_categories,
        ),
    ),
    Theme(
        "Spaces",
        (
            Shown(
                "Representational similarity",
                "analysis/similarity.csv",
                similarity.draw,
                chance=True,
                caption=AGREEMENT,
            ),
            Shown("Test images on a plane", "analysis/projection.csv", projection.draw, caption=CLOSE),
        ),
    ),
    Theme(
        "Training",
        (
            Shown("Losses", "plots/curves.csv", trajectories.draw_losses, caption=BANDS),
            Shown("Weights of the objectives", "plots/curves.csv", trajectories.draw_weights, caption=BANDS),
            Shown("Modulation", "plots/curves.csv", trajectories.draw_modulation, caption=BANDS),
            Shown("Gradient norms", "plots/curves.csv", trajectories.draw_gradient_norms, caption=BANDS),
            Shown("Chosen views", "plots/curves.csv", trajectories.draw_view_shares, caption=BANDS),
        ),
    ),
    Theme("Recordings", (recordings,)),
    Theme("Pictures and captions", (saliency, captions)),
    Theme("Settings", (settings,)),
)


def figures() -> list[Shown]:
    """All figures that are drawn from one table."""
    return [part for theme in THEMES for part in theme.parts if isinstance(part, Shown)]
