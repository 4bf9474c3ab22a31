"""`trialign model show` says on one page what a model is, whatever stands in its folder."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.training.run import train_run
from tests.training.conftest import inputs_of, made_study, make_settings, settings, write_subject  # noqa: F401

PROVENANCE = {
    "layout": "bids",
    "closed_set": False,
    "preprocess": {"baseline": "mean", "filter": {"low": None, "high": 40.0}, "picks": ["E0", "E1"]},
}
ATTRIBUTES = {
    "model": "[red]slip[/]",
    "models": "data/models",
    "architecture": "slip ViT",
    "revision": f"sha256:{'c0ffee' * 10}",
    "dtype": "float16",
    "preprocessing": "short side 64 px",
    "vse": json.dumps({"size": 64, "gamma": 1.2}),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two people with a time axis, whitened and z-scored, and a bank that says how it was made."""
    made = made_study(tmp_path_factory.mktemp("study"), n_times=4)
    with open_bank(made.features) as bank:
        ids, raw, text = bank.image_ids, *(bank.read(name, bank.image_ids) for name in ("raw/final", "text/final"))
    with BankWriter(made.features, ids, dtype="float32", attributes=ATTRIBUTES) as writer:
        writer.write("raw/final", raw)
        writer.write("text/final", text)
    in_order = raw[np.argsort([int(name[5:]) for name in ids])]
    for seed, subject in enumerate(("sub-01", "sub-02")):
        files = {1: [f"ses-01/{subject}.vhdr"], 2: ["ses-02/x.vhdr"]}
        matrices = {1: np.diag([*[1.0] * 11, 0.5]), 2: np.diag(np.linspace(1, 10, 12))}
        fitted = Fitted(matrices, np.zeros(12), np.ones(12), files)
        values = {"sfreq": 100.0, "tmin": -0.02, "whitening": "own-training-trials", "provenance": PROVENANCE}
        types = ["eeg"] * 10 + ["mag"] * 2
        write_subject(made.store(subject), in_order, seed=seed, n_times=4, fitted=fitted, ch_types=types, **values)
    return made


@pytest.fixture
def folder(study, settings, tmp_path):  # noqa: F811
    """A run that leaves sub-01 out, as a project has it."""
    out = tmp_path / "data" / "runs" / "inter" / "sub-01-seed0"
    train_run(inputs_of(study, "inter", ("sub-02",)), settings, n_epochs=2, seed=0, out=out)
    return out


def said(*words):
    result = CliRunner().invoke(
        build_app("model"), ["model", *map(str, words)], catch_exceptions=False, env={"COLUMNS": "160"}
    )
    return result.output


def rows(output):
    """The page's rows; a value that goes on in the next line is one."""
    found, last = {}, ""
    for line in output.splitlines():
        name, value = line[:15].strip(), line[15:].strip()
        last = name or last
        found[last] = f"{found.get(last, '')} {value}".strip()
    return found


def test_the_page_says_what_the_model_is(folder):
    page = rows(said("show", folder))
    assert page["what"].startswith("inter-subject model of sub-02, without sub-01; alignment with encoder flat; seed 0")
    assert page["channels"] == f"12 (10 eeg, 2 mag): {' '.join(f'E{i}' for i in range(12))}"
    assert page["signal"] == "100 Hz, -0.02 to 0.02 s from onset, 4 samples"
    assert page["layout"] == "bids"
    assert page["preprocess"] == 'baseline mean, filter.low off, filter.high 40.0, picks ["E0", "E1"]'
    assert page["whitening"] == "own-training-trials"
    assert page["target"] == "view raw, layer final, scale unit; galleries of view raw"
    assert page["image model"] == "[red]slip[/] (slip ViT); folder of models: data/models"
    assert page["revision"] == ATTRIBUTES["revision"]
    assert page["section vse"] == "size 64, gamma 1.2"
    assert page["objectives"] == "brain-image, image-text, guidance; balancer dla"
    assert "python 3" in page["versions"]
    assert "of 10 images (10 samples; chance 0.100, 0.500)" in page["validation"]
    assert "test" not in page


def test_the_page_lists_the_sessions_and_their_noise(folder):
    lines = [line.split() for line in said("show", folder).splitlines() if line.strip().startswith("sub-02")]
    assert lines == [
        ["sub-02", "1", "1", "yes", "ses-01/sub-02.vhdr"],
        ["sub-02", "2", f"{(10 / (1 + 9 / 11)) ** 2:.4g}", "yes", "ses-02/x.vhdr"],
    ]


def test_one_json_object(folder):
    found = json.loads(said("show", folder, "--json"))
    assert (found["protocol"], found["trained_on"], found["window"]) == ("inter", ["sub-02"], [-0.02, 0.02])
    assert found["weights"]["bytes"] == (folder / "model.safetensors").stat().st_size
    assert found["weights"]["parameters"] > 100
    assert found["fitted"]["sub-02"]["standardized"] is True
    assert found["fitted"]["sub-02"]["sessions"]["2"]["files"] == ["ses-02/x.vhdr"]
    assert found["params"]["train"]["batch_size"] == 32
    assert found["test_metrics"] is None


@pytest.mark.parametrize(
    ("table", "there"),
    [
        ("protocol,gallery,subject,seed,top1\ninter,image,sub-01,0,0.9\n", True),
        ("protocol,gallery,subject,seed,top1\ninter,image,sub-01,1,0.9\nintra,image,sub-01,0,0.9\n", False),
        ("something,else\n1,2\n", False),
        ("", False),
    ],
)
def test_where_test_metrics_are_is_said_but_not_what_they_are(folder, tmp_path, table, there):
    path = tmp_path / "metrics" / "plots" / "subjects.csv"
    path.parent.mkdir(parents=True)
    path.write_text(table)
    output = said("show", folder)
    assert (f"rows of stage evaluate in {path}" in " ".join(output.split())) == there
    assert "0.9" not in rows(output).get("test", "")
    assert json.loads(said("show", folder, "--json"))["test_metrics"] == (str(path) if there else None)


def test_a_table_of_something_else_is_not_looked_into(folder, tmp_path):
    (tmp_path / "metrics" / "plots").mkdir(parents=True)
    (tmp_path / "metrics" / "plots" / "subjects.csv").write_bytes(b"\xff\xfe\x00")
    assert "test" not in rows(said("show", folder))


def test_what_is_not_recorded_is_said(study, settings, tmp_path):  # noqa: F811
    plain = made_study(tmp_path / "plain")
    train_run(inputs_of(plain), settings, n_epochs=1, seed=0, out=tmp_path / "run")
    page = rows(said("show", tmp_path / "run"))
    assert page["signal"] == "no time axis"
    assert page["channels"].startswith("12 (types not recorded)")
    assert page["image model"] == "not recorded (not recorded); folder of models: not recorded"
    assert page["preprocess"] == "not recorded"


def test_a_bravl_model_has_no_accuracies(study, params, tmp_path):
    params["encoder"].update(name="flat")
    params["target"].update(view="raw")
    params["bravl"].update(enabled=True, hidden=8, latent_dim=4, image_components=4)
    params["loss"].update(objectives=["elbo", "intra-information"], balancer="static")
    params["train"].update(batch_size=32, device="cpu")
    params["train"]["validation"].update(size=10, loss="total")
    train_run(inputs_of(study), make_settings(params), n_epochs=1, seed=0, out=tmp_path / "run")
    page = rows(said("show", tmp_path / "run"))
    assert page["what"].startswith("intra-subject model of sub-01; bravl with encoder flat")
    assert page["validation"].startswith("loss ")
    assert "top-1" not in page["validation"]


def test_names_cannot_steer_the_terminal(folder):
    card = json.loads((folder / "model.json").read_text())
    card["subject"] = "\x1b[2J\x07evil\nsub"
    (folder / "model.json").write_text(json.dumps(card))
    output = said("show", folder)
    assert "evil" in output
    assert {"\x1b", "\x07"}.isdisjoint(output)


def test_a_folder_that_is_none_is_one_line(tmp_path, folder):
    with pytest.raises(InputError, match=r"model\.json: no such file; run 'dvc repro' to train the model"):
        said("show", tmp_path / "nowhere")
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=r"model\.safetensors: not a whole safetensors file"):
        said("show", folder)


def test_validation_of_no_image_has_no_accuracy(folder):
    card = json.loads((folder / "model.json").read_text())
    card["metrics"] = {"loss": 1.5, "samples": 0, "n": 0, "top1": 0.0, "top5": 0.0}
    (folder / "model.json").write_text(json.dumps(card))
    assert rows(said("show", folder))["validation"] == "loss 1.5"
