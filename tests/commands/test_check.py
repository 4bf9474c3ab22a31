"""`trialign check` says what is wrong before anything runs."""

import json
import shutil

import numpy as np
import pytest
import yaml
from huggingface_hub import constants

from pipeline_lib.commands.check import all_findings, check, check_weights
from pipeline_lib.common.errors import InputError
from tests.features.tiny_models import slip_state, write_slip


@pytest.fixture
def checked(tmp_path, monkeypatch, params):
    """Write params in an empty folder and return the bad findings by name."""
    monkeypatch.chdir(tmp_path)

    def look():
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return {finding.what: finding.say for finding in all_findings(tmp_path / "params.yaml") if not finding.good}

    return look


@pytest.fixture
def weights(tmp_path, project_root):
    """What the shipped parameters look for: a tiny model, and the shipped captioner."""
    models = tmp_path / "data/models/phantom"
    write_slip(models / "slip-b16", slip_state())
    shutil.copytree(project_root / "data/models/phantom/blip2", models / "blip2")


@pytest.fixture
def real(weights, params, tmp_path):
    """Parameters of a study that is no phantom, with weights of its own; gives the study's root."""
    (tmp_path / "data/models/phantom").rename(tmp_path / "weights")
    params.update(phantoms=[], subjects=["sub-01"], held_out=[])
    params["features"]["models"], params["caption"]["path"] = "weights", "weights/blip2"
    params["evaluate"]["galleries"] = ["image"]
    params["study"].update(root="mine", images="mine", stimuli="mine/images.csv")
    (tmp_path / "mine" / "sub-01").mkdir(parents=True)
    (tmp_path / "mine" / "images.csv").write_text("image,split\na.jpg,train\nb.jpg,test\n")
    return tmp_path / "mine"


def test_the_shipped_parameters_are_good(checked, weights):
    assert checked() == {}


def test_missing_weights_are_named(checked):
    bad = checked()
    assert set(bad) == {"features.model", "caption.path"}
    assert "data/models/phantom/slip-b16 is missing" in bad["features.model"]


def test_a_captioner_without_weights_is_named(checked, weights, tmp_path):
    (tmp_path / "data/models/phantom/blip2/model.safetensors").unlink()
    assert "no weights (*.safetensors); save model and processor" in checked()["caption.path"]


def test_a_captioner_of_an_early_version_of_transformers_is_good(checked, weights, tmp_path):
    file = tmp_path / "data/models/phantom/blip2/processor_config.json"
    images = json.loads(file.read_text())["image_processor"] | {"processor_class": "Blip2Processor"}
    file.with_name("preprocessor_config.json").write_text(json.dumps(images))
    file.unlink()
    assert checked() == {}


def test_the_shipped_captioner_is_good(params, project_root):
    captioner = project_root / params["caption"]["path"]
    findings = check_weights(params | {"caption": params["caption"] | {"path": captioner}})
    (say,) = (finding.say for finding in findings if finding.what == "caption.path")
    assert say.startswith(f"{captioner}: blip-2, sha256:")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": "llava"}, "model_type is 'blip-2', allowed: llava, llava_next; set caption.source to blip2"),
        ({"prompt": "D"}, "caption.prompt is 'D', allowed: A, B, C"),
        ({"path": "Salesforce/blip2-opt-2.7b"}, "is no folder here; if the hub has it, DVC still needs a file"),
    ],
)
def test_a_captioner_that_cannot_be_used_is_named(checked, weights, params, change, says):
    params["caption"].update(change)
    assert says in checked()["caption.path"]


def test_a_hub_that_is_out_of_reach_is_named(checked, weights, params, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.yaml").write_text("hub: owner/captioner@v1\n")
    params["caption"]["path"] = "mine"
    assert checked()["caption.path"].startswith("mine/model.yaml: the hub does not give owner/captioner@v1: ")


def test_weights_of_the_captioner_are_looked_at_but_not_read(checked, weights, params, tmp_path):
    file = tmp_path / "data/models/phantom/blip2/config.json"
    config = json.loads(file.read_text())
    config["text_config"]["num_hidden_layers"] = 3
    file.write_text(json.dumps(config))
    assert "16 weights are missing: language_model.model.decoder.layers.2" in checked()["caption.path"]


def test_an_unknown_wording_of_labels_is_named(checked, weights, params):
    params["caption"].update(source="label", label_prompt="atm")
    assert "caption.label_prompt is 'atm', allowed: A, B, C, label, picture" in checked()["caption.label_prompt"]


def test_weights_that_do_not_load_are_named(checked, weights, tmp_path):
    folder = tmp_path / "data/models/phantom/slip-b16"
    for path in folder.iterdir():
        path.unlink()
    assert "model.yaml" in checked()["features.model"]


def test_a_role_of_the_phantom_study_is_made_by_its_stage(checked, weights, params, tmp_path):
    params["features"]["model"] = "clip-l14"
    assert checked() == {}
    say = {finding.what: finding.say for finding in all_findings(tmp_path / "params.yaml")}["features.model"]
    assert say.startswith("data/models/phantom/clip-l14 will be made by stage 'phantom-roles'")
    params["features"]["layers"] = ["final", "class-99"]
    assert "features.layers is 'class-99', allowed: final" in checked()["features.model"]


def test_a_role_that_nobody_plays_is_named(checked, weights, params):
    params["features"]["model"] = "clip-l41"
    say = checked()["features.model"]
    assert say.startswith("features.model is 'clip-l41', allowed: slip-b16, clip-b32, clip-l14")
    assert say.endswith("add it to phantom_roles")
    params["features"]["models"] = "mine"
    assert "mine/clip-l41 is missing" in checked()["features.model"]


@pytest.fixture
def supplied(real, params, tmp_path):
    """A real study that goes well with the user's own features; gives their folder."""
    params.update(subjects=[])
    params["study"]["layout"] = "arrays"
    params["features"].update(model="own", views=["raw"])
    params["target"]["view"], params["caption"]["source"] = "raw", "none"
    params["loss"]["objectives"] = ["brain-image"]
    (tmp_path / "weights/own").mkdir()
    np.save(tmp_path / "weights/own/features.npy", np.ones((2, 3)))
    (tmp_path / "weights/own/images.txt").write_text("b.jpg\na.jpg\n")
    return tmp_path / "weights/own"


def test_supplied_features_are_held_against_the_images(checked, supplied):
    assert checked() == {}
    (supplied / "images.txt").write_text("b.jpg\nunicorn.jpg\n")
    assert "unicorn" in checked()["features.model"]


@pytest.mark.parametrize(
    ("section", "change", "says"),
    [
        ("features", {"views": ["raw", "noise"]}, "features.views is ['raw', 'noise'], allowed: [raw]"),
        ("features", {"layers": ["final", "mean-3"]}, "features.layers is ['final', 'mean-3'], allowed: [final]"),
        ("caption", {"source": "label"}, "so nothing can encode captions; set caption.source to none"),
    ],
)
def test_what_supplied_features_cannot_give_is_named(checked, supplied, params, section, change, says):
    params[section].update(change)
    bad = checked()
    assert set(bad) == {"features.model"}
    assert says in bad["features.model"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("image,text\na.jpg,an a\nb.jpg,\n", ""),
        ("image,text\na.jpg,an a\n", "missing: b"),
        ("image,text\na.jpg,an a\nb.jpg,a b\nunicorn.jpg,c\n", "unicorn"),
        ("image,words\na.jpg,an a\n", "needs a column named text or caption, has image, words"),
        (None, "captions.csv: no such caption table; set caption.path to it"),
    ],
)
def test_an_own_caption_table_is_held_against_the_images(checked, real, params, tmp_path, table, says):
    params.update(subjects=[])
    params["study"]["layout"] = "arrays"
    params["caption"].update(source="file", path="captions.csv")
    if table:
        (tmp_path / "captions.csv").write_text(table)
    bad = checked()
    assert set(bad) == ({"caption.path"} if says else set())
    assert says in bad.get("caption.path", "")


def test_a_layer_that_the_model_lacks_is_named(checked, weights, params):
    params["features"]["layers"] = ["final", "mean-0.75", "class-99"]
    assert (
        "features.layers is 'class-99', allowed: final, class-1..class-2, mean-1..mean-2" in checked()["features.model"]
    )
    params["features"]["layers"] = ["final", "mean-0.75"]
    assert checked() == {}


def test_captions_that_the_features_model_cannot_encode_are_named(checked, weights, params, tmp_path):
    folder = tmp_path / "data/models/phantom/slip-b16"
    state = slip_state()
    write_slip(folder, {name: tensor for name, tensor in state.items() if name.startswith("visual.")})
    assert "has no text tower, so nothing can encode the captions; set caption.source" in checked()["features.model"]
    params["caption"]["source"], params["loss"]["objectives"] = "none", ["brain-image"]
    assert checked() == {}


def test_a_model_of_a_hub_out_of_reach_is_named(checked, weights, params, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.model_info", unreachable)
    folder = tmp_path / "data/models/phantom/slip-b16"
    (folder / "model.yaml").write_text("kind: timm\nhub: timm/vit_small_patch14_dinov2.lvd142m\n")
    assert "the hub cannot be reached and it is not in the cache" in checked()["features.model"]


def unreachable(*_, **__):
    raise OSError("no network")


def test_responses_without_a_table_of_trials_are_named(checked, real, params):
    (real / "sub-01" / "responses.npy").touch()
    params["study"]["layout"] = "arrays"
    bad = checked()
    assert set(bad) == {"recording of sub-01"}
    assert "trials.csv: no such file; layout arrays expects" in bad["recording of sub-01"]


def test_missing_recordings_of_a_real_study_are_named(checked, real, params):
    params["study"].update(root="/nowhere", images="/nowhere/images", stimuli="/nowhere/images")
    assert set(checked()) == {"recording of sub-01", "study.images", "study.stimuli"}


@pytest.mark.parametrize(
    ("preprocess", "says"),
    [({"picks": ["Oz"]}, "channels are missing: Oz"), ({"exclude": ["MRO11"]}, "exclude names 'MRO11'")],
)
def test_channels_that_the_recordings_lack_are_named(checked, real, params, preprocess, says):
    np.save(real / "sub-01" / "responses.npy", np.zeros((2, 3, 4)))
    (real / "sub-01" / "trials.csv").write_text("image,split\na.jpg,train\nb.jpg,test\n")
    params["study"]["layout"] = "arrays"
    assert checked() == {}
    params["preprocess"].update(preprocess)
    assert says in checked()["recording of sub-01"]


def test_columns_that_the_events_lack_are_named(checked, real, params):
    (real / "sub-01" / "eeg").mkdir()
    (real / "sub-01" / "eeg" / "sub-01_task-x_events.tsv").write_text("onset\tstim_file\n1.0\ta.jpg\n")
    params["study"].update(layout="bids", stimuli="mine")
    bad = checked()
    assert set(bad) == {"study.stimuli"}
    assert "events.tsv: columns are missing: split" in bad["study.stimuli"]


def test_image_files_that_are_missing_are_named(checked, real, params):
    params.update(subjects=[])
    params["study"]["layout"] = "bids"
    bad = checked()
    assert set(bad) == {"study.stimuli"}
    assert "mine: 2 of 2 image files are missing: a.jpg, b.jpg" in bad["study.stimuli"]


def test_a_gallery_that_the_images_do_not_serve_is_named(checked, real, params):
    params.update(subjects=[])
    params["study"]["layout"] = "arrays"
    assert checked() == {}
    params["evaluate"]["galleries"] = ["image", "class-center"]
    assert "leave class-center out of evaluate.galleries" in checked()["study.stimuli"]
    (real / "images.csv").write_text("image,split,concept\na.jpg,train,a\nb.jpg,test,b\nc.jpg,center,b\n")
    assert checked() == {}


def test_the_phantoms_models_are_not_taken_for_real_ones(checked, real, params, tmp_path):
    params.update(subjects=[])
    params["study"]["layout"] = "arrays"
    (tmp_path / "weights").rename(tmp_path / "data/models/phantom")
    params["features"]["models"] = "data/models/phantom"
    params["caption"]["path"] = "data/models/phantom/blip2"
    bad = checked()
    assert set(bad) == {"features.model", "caption.path"}
    assert all("drawn pictures" in say for say in bad.values())


def test_a_misspelt_section_is_suggested(checked, weights, params):
    params["lose"] = {}
    assert "did you mean 'loss'?" in checked()["section lose"]


def test_a_misspelt_parameter_is_suggested(checked, weights, params):
    params["loss"]["balancr"] = "dla"
    assert "did you mean 'balancer'?" in checked()["section loss"]


@pytest.mark.parametrize(
    ("section", "change", "what", "says"),
    [
        ("target", {"view": "blur"}, "target", "target.view is 'blur', allowed: raw, vse; add it to features.views"),
        ("target", {"view": ["raw", "blur"]}, "target", "target.view is 'blur', allowed: raw, vse; add"),
        ("target", {"gallery_view": "blur"}, "target", "target.gallery_view is 'blur', allowed: raw, vse; add"),
        ("target", {"layer": ["final", "mean-3"]}, "target", "target.layer is 'mean-3', allowed: final; add"),
        ("target", {"views": "uncertainty"}, "section target", "needs two views at least in target.view"),
        ("vse", {"enabled": False}, "target", "vse.enabled is false"),
        ("caption", {"source": "none"}, "objectives", "keep brain-image alone"),
        ("loss", {"objectives": ["adapter-consistency"]}, "objectives", "set encoder.heads.text: adapter"),
        ("preprocess", {"picks": "meg"}, "channels", "'meg', which are MEG channels, but study.layout things-eeg2"),
        ("bravl", {"enabled": True}, "bravl", "the preset bravl sets them"),
    ],
)
def test_values_that_exclude_each_other_are_named(checked, weights, params, section, change, what, says):
    params[section].update(change)
    assert says in checked()[what]


def test_what_this_machine_lacks_is_named(checked, weights, params, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    params["train"]["device"] = "cuda"
    assert checked() == {"train.device": "train.device is 'cuda', but torch finds no GPU here; set it to auto or cpu"}


def test_a_fold_of_an_unknown_subject_is_named(checked, weights, params):
    params["held_out"] = ["sub-09"]
    assert "held_out is 'sub-09', allowed: sub-01, sub-02, sub-03" in checked()["inter-subject folds"]


def test_one_subject_cannot_be_left_out(checked, weights, params):
    params.update(subjects=["sub-01"], held_out=["sub-01"])
    assert "set it to []" in checked()["inter-subject folds"]


def test_the_command_counts_what_failed(checked, params, tmp_path, capsys):
    checked()
    with pytest.raises(InputError, match=r"2 of .* checks failed"):
        check(tmp_path / "params.yaml")
    assert "WRONG caption.path" in capsys.readouterr().out
