"""Command `trialign decode`: a trained model on new recordings.

trialign decode --model data/runs/intra/sub-01-seed0 --recording new/raw_eeg_test.npy --gallery photos --events new.csv
"""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.notices import notice

SHEET = "contact_sheet.html"
TABLE = "ranking.csv"
SHOWN, TREATED, ENCODED = "What was shown", "How the recordings are treated", "How the images are encoded"


def decode(
    *,
    model: Annotated[Path, typer.Option(metavar="DIR", help="The trained model: a folder of data/runs.")],
    recording: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="A raw recording (FIF, BrainVision, EDF, CTF, ... or raw_eeg_*.npy of THINGS-EEG2), epochs "
            "(*-epo.fif) or an epochs store (*.zarr.zip). May be repeated.",
        ),
    ],
    gallery: Annotated[
        Path, typer.Option(metavar="PATH", help="The images to choose from: a folder, or a stimulus table.")
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the images of a gallery that is a table. By default the folder of the table.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="How many of the best images to keep.")] = 5,
    average: Annotated[
        str,
        typer.Option(metavar="image|none", help="image: rank the mean of each image's trials; none: each trial."),
    ] = "none",
    sheet: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many trials or means the contact sheet shows, at most.")
    ] = 200,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for ranking.csv and contact_sheet.html.")] = Path(
        "decoded"
    ),
    events: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Table (csv or tsv, as BIDS has it) with onset in seconds, or sample, and perhaps the image. One for "
            "each recording; by default the recording's trigger channel or annotations.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column that names the image, in --events or in the metadata of epochs, where it is not a usual one.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    stim_channel: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Trigger channel, where it is not the usual one.", rich_help_panel=SHOWN),
    ] = None,
    stimuli: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Stimulus table that tells what event codes stand for. By default --gallery, if that is a table.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="train|test|center", help="Rows of the stimulus tables that count.", rich_help_panel=SHOWN
        ),
    ] = "test",
    subject: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who of the people in training was recorded; 'unknown' for somebody else. By default the only one, "
            "or of several nobody.",
            rich_help_panel=TREATED,
        ),
    ] = None,
    session: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="The model's session that each recording belongs to. By default by its file's name and folders, else "
            "a new one.",
            rich_help_panel=TREATED,
        ),
    ] = None,
    whitening: Annotated[
        str,
        typer.Option(
            metavar="model|recording|none",
            help="model: by the model's session that this is, or for a new one by the mean noise of its sessions; "
            "recording: by these trials themselves; none: not at all.",
            rich_help_panel=TREATED,
        ),
    ] = "model",
    interpolate: Annotated[
        bool,
        typer.Option(
            "--interpolate", help="Let MNE make up to 10 % of missing or bad channels.", rich_help_panel=TREATED
        ),
    ] = False,
    montage: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="MNE's name of the cap, for interpolation where the recording has no positions.",
            rich_help_panel=TREATED,
        ),
    ] = "standard_1005",
    features_model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the image model that the brain was aligned to, where it moved since training.",
            rich_help_panel=ENCODED,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the gallery is encoded.", rich_help_panel=ENCODED)
    ] = "auto",
    threads: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of the CPU, to encode the gallery.", rich_help_panel=ENCODED)
    ] = 1,
) -> None:
    """Rank a gallery of images for each trial of new recordings, by a trained model.

    Channels are picked by name, and the recordings are treated exactly as those the model was trained on.
    """
    from pipeline_lib.decoding.contact_sheet import write_contact_sheet
    from pipeline_lib.decoding.ranking import write_ranking
    from pipeline_lib.decoding.request import Request
    from pipeline_lib.decoding.run import decode_recordings, where_found

    request = Request(
        model=model,
        recordings=recording,
        gallery=gallery,
        events=events or [],
        stimuli=stimuli,
        images=images,
        split=split,
        features_model=features_model,
        subject=subject,
        sessions=session or [],
        whitening=whitening,
        average=average,
        top=top,
        interpolate=interpolate,
        montage=montage,
        stim_channel=stim_channel,
        image_column=image_column,
        device=device,
        threads=threads,
    )
    check_folder(out)
    notes: list[str] = []
    decoded = decode_recordings(request, partial(_say, notes))
    write_ranking(out / TABLE, decoded.ranked)
    settings = where_found(decoded, request)
    write_contact_sheet(out / SHEET, decoded.ranked, decoded.gallery.files, settings, notes, most=sheet)
    queries, size = len(decoded.ranked.queries), len(decoded.ranked.image_ids)
    typer.echo(f"decode: {queries} queries, gallery of {size} images: {decoded.ranked.summary()} -> {out}")


def _say(notes: list[str], line: str) -> None:
    from pipeline_lib.commands.model_page import printable

    notes.append(printable(line))
    notice(notes[-1])


def check_folder(out: Path) -> None:
    """Refuse a place for results that is no folder, or cannot be written to, before anything is computed.

    Raises
    ------
    InputError
    """
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(f"--out {out}: {nearest} is no folder that can be written to; choose another")
