"""Command `trialign decode`: a trained model on new recordings.

trialign decode --model data/runs/intra/sub-01-seed0 --recording new/raw_eeg_test.npy --gallery photos --events new.csv
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.notices import notice

SHEET = "contact_sheet.html"
TABLE = "ranking.csv"


def decode(
    *,
    model: Annotated[Path, typer.Option(help="The trained model: a folder of data/runs.")],
    recording: Annotated[
        list[Path],
        typer.Option(
            help="A raw recording (FIF, BrainVision, EDF, CTF, ... or raw_eeg_*.npy of THINGS-EEG2), epochs "
            "(*-epo.fif) or an epochs store (*.zarr.zip). May be repeated."
        ),
    ],
    gallery: Annotated[Path, typer.Option(help="A folder of images, or a stimulus table.")],
    events: Annotated[
        list[Path] | None,
        typer.Option(
            help="Table (csv or tsv, as BIDS has it) with onset in seconds, or sample, and perhaps the image. One for "
            "each recording; by default the recording's trigger channel or annotations."
        ),
    ] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help="Stimulus table that tells what event codes stand for. Defaults to --gallery.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images of a gallery that is a table.")] = None,
    split: Annotated[str, typer.Option(help="Rows of the stimulus table that count: train, test or center.")] = "test",
    image_column: Annotated[str | None, typer.Option(help="Column of --events that names the image.")] = None,
    stim_channel: Annotated[str | None, typer.Option(help="Trigger channel, where it is not the usual one.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Places that are kept.")] = 5,
    average: Annotated[
        str, typer.Option(help="image: rank the mean of each image's trials; none: each trial.")
    ] = "none",
    whitening: Annotated[
        str,
        typer.Option(
            help="model: by the model's session that this is, or for a new one by the mean noise of its sessions; "
            "recording: by these trials themselves; none."
        ),
    ] = "model",
    session: Annotated[
        list[int] | None,
        typer.Option(help="The model's session that each recording belongs to. By default by its name."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Who of the people in training was recorded; 'unknown' for somebody else.")
    ] = None,
    interpolate: Annotated[bool, typer.Option(help="Let MNE make up to 10 % of missing or bad channels.")] = False,
    montage: Annotated[
        str, typer.Option(help="MNE's name of the cap, for channels without positions.")
    ] = "standard_1005",
    features_model: Annotated[Path | None, typer.Option(help="Folder of the features' model, where it moved.")] = None,
    device: Annotated[str, typer.Option(help="Where the gallery is encoded: auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU, for encoding the gallery.")] = 1,
    sheet: Annotated[int, typer.Option(min=0, help="Queries on the contact sheet, at most.")] = 200,
    out: Annotated[Path, typer.Option(help="Folder for ranking.csv and contact_sheet.html.")] = Path("decoded"),
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

    def say(line: str) -> None:
        notes.append(line)
        notice(line)

    decoded = decode_recordings(request, say)
    write_ranking(out / TABLE, decoded.ranked)
    settings = where_found(decoded, request)
    write_contact_sheet(out / SHEET, decoded.ranked, decoded.gallery.files, settings, notes, most=sheet)
    queries, size = len(decoded.ranked.queries), len(decoded.ranked.image_ids)
    typer.echo(f"decode: {queries} queries, gallery of {size} images: {decoded.ranked.summary()} -> {out}")


def check_folder(out: Path) -> None:
    """Refuse a place for results that is no folder, or cannot be written to, before anything is computed.

    Raises
    ------
    InputError
    """
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(f"--out {out}: {nearest} is no folder that can be written to; choose another")
