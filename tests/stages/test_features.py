"""Stage `features`: from images, views and captions to a feature bank, or to one line that says what is wrong."""

import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import open_bank
from stages.features import main
from tests.captioning.small_study import write_study
from tests.features.tiny_models import slip_state, write_slip
from tests.features.view_stores import write_views

ACCELERATE = "-m accelerate.commands.launch --multi_gpu --num_machines 1 --num_processes 2 --main_process_port 0"
TORCHRUN = "-m torch.distributed.run --standalone --nproc_per_node 3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    ids = write_study(path).frame["image_id"].tolist()
    write_slip(path / "slip", slip_state())
    write_views(path / "vse.zarr.zip", ids, shade=lambda row: 20 * row)
    write_views(path / "empty.zarr.zip", [], shade=int)
    write_captions(caption_table(ids, [f"picture {row}" for row in range(6)], source="label"), path / "captions.csv")
    write_captions(caption_table([], [], source="none"), path / "none.csv")
    (path / "own").mkdir()
    np.save(path / "own" / "features.npy", np.eye(6))
    (path / "own" / "images.txt").write_text("\n".join(reversed(ids)))
    return path


@pytest.fixture
def run(folder, params, tmp_path):
    """Run the stage with changes of its section and inputs; returns the output's path."""

    def stage(store="vse.zarr.zip", captions="captions.csv", role="slip", **values):
        params["features"].update({"models": str(folder), "model": role, "device": "cpu", **values})
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        out = tmp_path / "out" / "slip-b16.h5"
        main(
            stimuli=folder / "stimuli.csv",
            images=folder / "images",
            views=folder / store,
            captions=folder / captions,
            out=out,
            params_file=tmp_path / "params.yaml",
        )
        return out

    return stage


@pytest.fixture
def launched(run, folder, project_root, tmp_path):
    """The stage in child processes, with the parameters of the last run; its output's path, and what was said."""

    def stage(*before, out):
        inputs = {"stimuli": "stimuli.csv", "images": "images", "views": "vse.zarr.zip", "captions": "captions.csv"}
        options = {f"--{name}": folder / file for name, file in inputs.items()}
        options |= {"--out": out, "--params-file": tmp_path / "params.yaml"}
        words = [str(word) for option in options.items() for word in option]
        return subprocess.run(
            [*map(str, before), "-m", "stages.features", *words],
            cwd=project_root,
            env=os.environ | {"ACCELERATE_USE_CPU": "true"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return stage


@pytest.mark.parametrize(("launcher", "shares"), [(ACCELERATE, "4 + 2"), (TORCHRUN, "2 + 2 + 2")])
def test_any_number_of_processes_makes_the_same_bytes(launched, run, tmp_path, launcher, shares):
    one = run(batch_size=2, layers=["final", "mean-1"]).read_bytes()
    out = tmp_path / "shared" / "slip-b16.h5"
    done = launched(sys.executable, *launcher.split(), out=out)
    assert not done.returncode, done.stderr
    n_processes = shares.count("+") + 1
    assert done.stdout.startswith(f"features: 6 images, {n_processes} processes {shares}, slip (raw/final 24-d")
    assert done.stdout.count("\n") == 1
    assert out.read_bytes() == one
    assert [path.name for path in out.parent.iterdir()] == ["slip-b16.h5"]


@pytest.mark.parametrize("size", ["16k", "32k"])  # too small for the parts, and for the bank
def test_a_full_disk_is_one_line_and_leaves_no_bank(launched, run, tmp_path, size):
    run(batch_size=2, layers=["final", "mean-1", "both-2"])
    small = tmp_path / "small"
    small.mkdir()
    mounted = f'mount -t tmpfs -o size={size} none {small} && "$@"; status=$?; ls -A {small}; exit $status'
    within = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    done = launched(*within, sys.executable, out=small / "bank.h5")
    assert done.returncode == 2, done.stderr
    assert "no space left on the device; make room and start again: " in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("Traceback")] == []
    assert done.stdout.split() in ([".bank.h5.unfinished.features"], [])


def test_views_and_captions_become_one_bank(run, capsys):
    out = run()
    with open_bank(out) as bank:
        assert bank.datasets() == ["raw/final", "text/final", "vse/final"]
        assert bank.read("text/final", bank.image_ids).shape == (6, 24)
        assert bank.attributes["captions"] == "label"
    assert capsys.readouterr().out == (
        f"features: 6 images, slip (raw/final 24-d, vse/final 24-d, text/final 24-d) -> {out}\n"
    )


def test_every_view_and_layer_asked_for_is_in_the_bank(run):
    made, layers = ["raw", "blur-low", "noise"], ["final", "mean-0.5", "both-2"]
    with open_bank(run(views=made, layers=layers, batch_size=4, store="nowhere")) as bank:
        assert bank.datasets() == sorted([f"{view}/{layer}" for view in made for layer in layers] + ["text/final"])
        assert bank.read("noise/both-2", bank.image_ids).shape == (6, 96)
        assert np.abs(bank.read("raw/final", bank.image_ids) - bank.read("noise/final", bank.image_ids)).max() > 1e-3


def test_same_input_same_bytes(run):
    assert run().read_bytes() == run().read_bytes()


def test_without_captions_there_is_no_text(run):
    with open_bank(run(captions="none.csv")) as bank:
        assert bank.datasets() == ["raw/final", "vse/final"]


def test_without_stored_views_no_store_is_needed(run):
    with open_bank(run(store="nowhere", views=["raw"], dtype="float16")) as bank:
        assert bank.datasets() == ["raw/final", "text/final"]


def test_ready_features_need_neither_model_nor_views(run):
    with open_bank(run(role="own", captions="none.csv", store="nowhere", views=["raw"])) as bank:
        assert bank.datasets() == ["raw/final"]
        assert np.array_equal(bank.read("raw/final", bank.image_ids), np.eye(6)[::-1])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"store": "empty.zarr.zip"}, r"empty\.zarr\.zip holds no views; set vse\.enabled to true"),
        ({"store": "gone.zarr.zip"}, r"gone\.zarr\.zip: no such file"),
        ({"captions": "gone.csv"}, r"gone\.csv: no such caption table; run 'dvc repro caption' first"),
        ({"role": "gone"}, r"features: .*gone holds neither model\.yaml nor features\.npy"),
        ({"role": "own", "views": ["raw"]}, r"set caption\.source to none"),
        ({"layers": ["block-3"]}, r"features\.layers is 'block-3', allowed: final"),
        (
            {"layers": ["mean-3"]},
            r"allowed: final, class-1\.\.class-2, .* or a fraction of the depth such as mean-0\.75",
        ),
    ],
)
def test_nothing_is_left_after_an_error(run, tmp_path, inputs, message):
    with pytest.raises(InputError, match=message):
        run(**inputs)
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_after_an_error_on_the_way(run, tmp_path, folder):
    path = next((folder / "images").rglob("*02b.png"))
    whole = path.read_bytes()
    try:
        path.write_bytes(b"no picture")
        with pytest.raises(InputError, match=path.name):
            run()
    finally:
        path.write_bytes(whole)
    assert not (tmp_path / "out").exists()
