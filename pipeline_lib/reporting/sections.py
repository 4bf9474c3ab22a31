"""What the report shows, theme by theme. A further figure is a line in :data:`THEMES`."""

from collections.abc import Iterator

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
    scalp_maps,
    similarity,
    time_windows,
    top_k,
    topographies,
    trajectories,
)
from pipeline_lib.reporting.materials import Materials
from pipeline_lib.reporting.page import Drawing, Item, Lines, Rows
from pipeline_lib.reporting.parts import Shown, Theme, nothing_in
from pipeline_lib.reporting.style import literal_table
from pipeline_lib.reporting.texts import captions_sample, metrics_rows, settings_rows
from pipeline_lib.retrieval.report import read_report

REPORT = "retrieval.json"
RANKED = "analysis/ranked.csv"
THUMBNAIL = 128  # pixels
CONCEPTS, CONFUSIONS = "analysis/concepts.csv", "analysis/confusions.csv"
CATEGORIES = "analysis/categories.csv"


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
        system = next(iter(materials.table(CATEGORIES)["system"]), "category")
        yield Drawing("Confused categories", figure, confusions.CATEGORY_CAPTION.format(system=system))


def recordings(materials: Materials) -> Iterator[Item]:
    """Events, signal and channels of every subject."""
    found = quality.read_quality(materials.epochs, materials.subjects)
    yield Rows("Recordings", quality.overview(found))
    yield Drawing("Events", quality.draw_events(quality.events_table(found)), quality.EVENTS_CAPTION)
    signal = quality.signal_table(found)
    if len(signal):
        yield Drawing("Signal", quality.draw_signal(signal), quality.SIGNAL_CAPTION)
    channels = quality.read_channels(materials.epochs, materials.subjects)
    yield Drawing("Channels", quality.draw_channels(channels), quality.CHANNELS_CAPTION)


def saliency(materials: Materials) -> Iterator[Item]:
    """The saliency of a few test images, step by step."""
    if not materials.vse.enabled:
        yield Lines("Saliency", ["Left out: vse.enabled is false."])
        return
    size = materials.vse.size or saliency_steps.NATIVE
    test = materials.stimuli.of_split("test").head(materials.report.saliency)
    pictures = [(row.concept, materials.picture(row.image_id, size)) for row in test.itertuples()]
    if readable := [(concept, rgb) for concept, rgb in pictures if rgb is not None]:
        yield Drawing("Saliency", saliency_steps.draw(readable, materials.vse), saliency_steps.CAPTION)


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
            Shown("Top-k accuracy", "plots/top_k.csv", top_k.draw, chance=True, caption=top_k.CAPTION),
            Shown("Expected n-way accuracy", "plots/n_way.csv", n_way.draw, chance=True, caption=n_way.CAPTION),
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
                "Accuracy by region, early",
                "analysis/early_regions.csv",
                regions.draw_early,
                caption=regions.EARLY_CAPTION,
            ),
            Shown(
                "Responses",
                "analysis/topographies.csv",
                topographies.draw,
                axes=False,
                caption=topographies.CAPTION,
                absent=scalp_maps.NO_PLACES,
            ),
            Shown(
                "Attribution",
                "analysis/attribution.csv",
                attribution.draw,
                axes=False,
                caption=attribution.CAPTION,
                absent=scalp_maps.NO_PLACES,
            ),
        ),
    ),
    Theme(
        "What is found",
        (
            matches,
            Shown("Concepts", CONCEPTS, concepts.draw, chance=True, caption=concepts.CAPTION),
            Shown("Categories", CATEGORIES, categories.draw, chance=True, caption=categories.CAPTION),
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
                caption=similarity.CAPTION,
            ),
            Shown("Test images on a plane", "analysis/projection.csv", projection.draw, caption=projection.CAPTION),
        ),
    ),
    Theme(
        "Training",
        (
            Shown("Losses", "plots/curves.csv", trajectories.draw_losses, caption=trajectories.LOSS_CAPTION),
            Shown(
                "Weights of the objectives", "plots/curves.csv", trajectories.draw_weights, caption=trajectories.CAPTION
            ),
            Shown("Modulation", "plots/curves.csv", trajectories.draw_modulation, caption=trajectories.CAPTION),
            Shown("Gradient norms", "plots/curves.csv", trajectories.draw_gradient_norms, caption=trajectories.CAPTION),
            Shown("Chosen views", "plots/curves.csv", trajectories.draw_view_shares, caption=trajectories.CAPTION),
        ),
    ),
    Theme("Recordings", (recordings,)),
    Theme("Pictures and captions", (saliency, captions)),
    Theme("Settings", (settings,)),
)


def figures() -> list[Shown]:
    """All figures that are drawn from one table."""
    return [part for theme in THEMES for part in theme.parts if isinstance(part, Shown)]
