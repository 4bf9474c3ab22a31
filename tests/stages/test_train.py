"""The training stages on a made-up study: run folders from files, and one line where training cannot go on."""

import pytest
import yaml

from pipeline_lib.common.cli import guarded
from pipeline_lib.common.errors import InputError
from pipeline_lib.training.run_folder import load_run
from stages import train, train_inter
from tests.training.conftest import study  # noqa: F401


@pytest.fixture
def params_file(params, tmp_path):
    """The shipped parameters for the made-up study; returns a function that changes some and writes them."""
    params["subjects"] = ["sub-01", "sub-02"]
    params["encoder"].update(name="flat", dim=16)
    params["target"].update(view="raw")
    params["train"].update(epochs=2, inter_epochs=1, batch_size=32, device="cpu")
    params["train"]["validation"].update(size=10)

    def write(**train_changes):
        params["train"].update(train_changes)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        return tmp_path / "params.yaml"

    return write


def test_one_subject(study, params_file, tmp_path, capsys):  # noqa: F811
    files = {"epochs": study.store("sub-02"), "features": study.features, "stimuli": study.stimuli}
    train.main(subject="sub-02", seed=3, **files, out=tmp_path / "run", params_file=params_file())
    assert capsys.readouterr().out.startswith("train intra sub-02 seed 3: 50 samples, best epoch ")
    card = load_run(tmp_path / "run")[1]
    assert (card.subject, card.trained_on, card.seed) == ("sub-02", ["sub-02"], 3)


def test_all_but_one(study, params_file, tmp_path, capsys):  # noqa: F811
    files = {"epochs": study.epochs, "features": study.features, "stimuli": study.stimuli}
    train_inter.main(held_out="sub-01", seed=0, **files, out=tmp_path / "run", params_file=params_file())
    assert "train inter sub-01 seed 0: 50 samples, best epoch 1/1" in capsys.readouterr().out
    assert load_run(tmp_path / "run")[1].trained_on == ["sub-02"]
    with pytest.raises(InputError, match=r"held_out is 'sub-07', allowed: sub-01, sub-02"):
        train_inter.main(held_out="sub-07", seed=0, **files, out=tmp_path / "run", params_file=params_file())


def test_a_loss_that_is_no_number_is_one_line_and_exit_code_2(study, params_file, tmp_path, capsys):  # noqa: F811
    files = {"epochs": study.store("sub-01"), "features": study.features, "stimuli": study.stimuli}
    params = params_file(learning_rate=1e30)
    with pytest.raises(SystemExit) as exit_:
        guarded(lambda: train.main(subject="sub-01", seed=0, **files, out=tmp_path / "run", params_file=params))
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trialign: training broke off at epoch 1, step 2: train/brain-image is nan in the batch of ")
    assert not (tmp_path / "run").exists()
