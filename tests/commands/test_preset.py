"""What `trialign preset` and the presets that ship promise."""

import difflib
import itertools
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline_lib.commands.check import SECTIONS
from pipeline_lib.commands.main import build_app
from pipeline_lib.commands.params_edit import edited_text, flattened, with_values
from pipeline_lib.commands.preset import PRESETS, as_options, read_preset
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.fetching.studies import STUDIES as STUDIES_TO_FETCH
from tests.commands.shipped_presets import EVERY, STUDIES, SYSTEMS

SIZE_OF_TRAINING = ("train.epochs", "train.inter_epochs", "train.batch_size", "train.validation.size")


def is_of_the_study(key):
    return key.startswith(("study.", "preprocess.", "evaluate.galleries", *SIZE_OF_TRAINING))


def own_content(name):
    return yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def params_text(project_root):
    return (project_root / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def params_file(project_root, tmp_path):
    return shutil.copy(project_root / "params.yaml", tmp_path / "params.yaml")


def run(*words):
    result = CliRunner().invoke(build_app("preset"), ["preset", *map(str, words)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_what_ships():
    ablations = {f"neuroalign-no-{part}" for part in ("vse", "sga", "dla", "text")} | {"neuroalign-label"}
    nice = {"nice", "nice-sa", "nice-ga", "nice-llm", "nice-llm-dla"}
    hmavd = {f"hmavd{row}" for row in ("", "-17", "-sa", "-ga", "-text", "-text-adapter", "-no-adapter")}
    others = {"neuroalign", "atm-s", "ubp", "bravl", "shallow", "multilayer", "chance"}
    others |= {"neurobridge", "neurobridge-tsconv"}
    assert ablations | nice | hmavd | others == SYSTEMS
    assert STUDIES | {"phantom", "quick", "mcdb"} <= set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_preset_fits_the_schema(name, params):
    applied = with_values(params, read_preset(name).values, where="params.yaml")
    for section, schema in SECTIONS.items():
        validated(applied, section, schema)


@pytest.mark.parametrize("name", EVERY)
def test_dvc_understands_every_preset(name, params, params_file):
    hydra = pytest.importorskip("dvc.utils.hydra")
    words = run(name).split()
    assert words[::2] == ["-S"] * (len(words) // 2)
    hydra.apply_overrides(str(params_file), words[1::2])
    expected = with_values(params, read_preset(name).values, where="params.yaml")
    assert yaml.safe_load(params_file.read_text()) == expected


@pytest.mark.parametrize("name", EVERY)
def test_the_shell_passes_every_preset_on_as_it_is(name):
    options = as_options(read_preset(name))
    assert not set("'\"\\$`*?;&|<>(){}~#!\n") & set(options)
    assert "  " not in options


@pytest.mark.parametrize("name", EVERY)
def test_a_preset_says_why_in_a_line(name):
    chosen = read_preset(name)
    assert chosen.why.strip()
    assert chosen.source.strip()
    assert "\n" not in chosen.why


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("phantom", "neuroalign")])
def test_a_preset_holds_only_what_differs(name, params):
    content = own_content(name)
    below = read_preset(content["base"]).values if "base" in content else {}
    before = flattened(with_values(params, below, where="params.yaml"))
    combined = {"neuroalign-no-dla": {"loss.static.weights"}, "mcdb": {"loss.mcdb.gamma"}, "arrays": {"subjects"}}
    kept = {"quick": set(), **combined}.get(name, set())
    if name in STUDIES:
        kept = kept | {key for other in STUDIES for key in read_preset(other).values if is_of_the_study(key)}
    same = {key for key, value in flattened(content["set"]).items() if before[key] == value}
    assert same <= kept


def test_the_phantom_is_what_ships(params):
    assert with_values(params, read_preset("phantom").values, where="params.yaml") == params


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(sorted(STUDIES), 2)))
def test_a_study_is_preprocessed_as_its_preset_says_whatever_was_there_before(params, params_file, first, second):
    expected = with_values(params, read_preset(second).values, where="params.yaml")
    for name in (first, second):
        run(name, "--write", "--params-file", params_file)
    written = yaml.safe_load(params_file.read_text())
    for section in ("phantoms", "subjects", "held_out", "study", "preprocess", "evaluate"):
        assert written[section] == expected[section]


@pytest.mark.parametrize("name", ["things-eeg2", "things-eeg2-17", "things-meg"])
def test_a_preset_looks_where_fetch_puts_its_study(params, name):
    study = with_values(params, read_preset(name).values, where="params.yaml")["study"]
    fetched = STUDIES_TO_FETCH[study["layout"]]
    assert study["root"] == f"data/raw/{fetched.name}"
    assert study["stimuli"] == str(Path(study["root"]) / fetched.stimuli)
    assert not fetched.images or study["images"] == f"{study['root']}/{fetched.images}"


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_the_phantom_is_the_way_back_from_every_study(params, params_file, name):
    run(name, "--write", "--params-file", params_file)
    assert yaml.safe_load(params_file.read_text()) != params
    run("phantom", "--write", "--params-file", params_file)
    assert yaml.safe_load(params_file.read_text()) == params


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_neuroalign_and_the_phantom_are_the_way_back_from_every_system(params, params_file, name):
    for written in (name, "neuroalign", "phantom"):
        run(written, "--write", "--params-file", params_file)
    assert yaml.safe_load(params_file.read_text()) == params


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_system_leaves_the_study_alone_but_for_what_is_named(name):
    # Else it could not follow the preset of any study.
    asked = {"preprocess.picks", "preprocess.sfreq", "preprocess.crop.start", "preprocess.crop.stop"}
    assert {key for key in read_preset(name).values if is_of_the_study(key)} <= asked | {"evaluate.galleries"}


def test_a_preset_stands_on_its_base():
    assert read_preset("nice-sa").values == read_preset("nice").values | {"encoder.name": "tsconv-sa"}


def test_the_list_names_every_preset():
    listed = run()
    assert all(any(line.startswith(name + " ") for line in listed.splitlines()) for name in EVERY)


def test_options_by_hand():
    assert run("mcdb") == "-S loss.balancer=mcdb -S loss.mcdb.gamma=0.7\n"
    assert "-S held_out=[]" in run("arrays")
    assert "-S preprocess.sfreq=null" in run("arrays")
    assert "-S vse.enabled=false" in run("arrays")


def test_writing_changes_the_lines_in_question_only(params_text, params_file):
    said = run("mcdb", "--write", "--params-file", params_file)
    assert said == f"preset mcdb: 1 values changed in {params_file}\n"
    changes = difflib.ndiff(params_text.splitlines(), params_file.read_text(encoding="utf-8").splitlines())
    assert [line for line in changes if line[0] in "+-"] == [
        "-   balancer: dla           # static | dla | mcdb | uncertainty | dwa | gradnorm, or TorchJD's",
        "+   balancer: mcdb          # static | dla | mcdb | uncertainty | dwa | gradnorm, or TorchJD's",
    ]


def test_writing_twice_is_writing_once(params_file):
    run("arrays", "--write", "--params-file", params_file)
    once = params_file.read_bytes()
    assert "0 values changed" in run("arrays", "--write", "--params-file", params_file)
    assert params_file.read_bytes() == once


def test_full_prints_whole_sections(params, params_file):
    shown = yaml.safe_load(run("neuroalign-no-dla", "--full", "--params-file", params_file))
    assert shown == {"loss": params["loss"] | {"balancer": "static"}}


def test_unknown_preset():
    with pytest.raises(InputError, match=r"preset is 'mcbd', allowed: .*did you mean 'mcdb'"):
        run("mcbd")


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--write",), "needs the name"), (("mcdb", "--write", "--full"), "do not go together")],
)
def test_options_that_make_no_sense(words, message):
    with pytest.raises(InputError, match=message):
        run(*words)


def test_missing_or_older_params_stay_as_they_are(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        run("mcdb", "--write", "--params-file", tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("loss:\n  balancr: dla\n")
    with pytest.raises(InputError, match=r"there is no parameter loss.balancer; did you mean 'loss.balancr'"):
        run("mcdb", "--write", "--params-file", tmp_path / "params.yaml")
    assert (tmp_path / "params.yaml").read_text() == "loss:\n  balancr: dla\n"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("value", ["two words", "a,b", "it's", 'say "x"', "$HOME", "[1", "true", ""])
def test_refuses_a_preset_that_no_option_can_carry(tmp_path, value):
    content = {"why": "x", "source": "x", "set": {"caption": {"prompt": value}}}
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"odd.yaml: caption.prompt is .* without blanks, commas or quotes"):
        read_preset("odd", tmp_path)


def test_refuses_a_preset_of_another_form(tmp_path):
    (tmp_path / "odd.yaml").write_text("loss: {}\n")
    with pytest.raises(InputError, match="must hold the keys why, source, set"):
        read_preset("odd", tmp_path)


def test_dotted_and_nested_keys_mean_the_same():
    assert flattened({"a": {"b": {"c": 1}, "d": []}}) == flattened({"a.b.c": 1, "a.d": []}) == {"a.b.c": 1, "a.d": []}


def test_presets_are_data():
    assert not list(PRESETS.glob("*.py"))


VALUES = ["abc", 0.5, 1e-8, 7, None, True, [], ["a"], ["a", "b", "c", "d"], "two # words"]
SHAPES = """# first
a: 1      # one

b:        # letters
- x       # ex
- y

c:
  d: []   # none
  e:
  - z
  # between
  f: null # nothing
  g:
h: 'quoted # text'   # last
"""


@pytest.mark.parametrize("value", VALUES)
def test_any_value_can_be_replaced_by_any(value):
    before = yaml.safe_load(SHAPES)
    for key in flattened(before):
        edited = edited_text(SHAPES, {key: value}, where="x")
        assert yaml.safe_load(edited) == with_values(before, {key: value}, where="x"), key
        for comment in ("# first", "# one", "# letters", "# none", "# between", "# nothing", "# last"):
            assert comment in edited, key
        assert edited.count("\n\n") == 2, key
        assert yaml.safe_load(edited_text(edited, flattened(before), where="x")) == before, key


def test_shipped_parameters_can_be_replaced(params_text, params):
    for number, key in enumerate(list(flattened(params))[::3]):
        value = VALUES[number % len(VALUES)]
        edited = edited_text(params_text, {key: value}, where="params.yaml")
        assert yaml.safe_load(edited) == with_values(params, {key: value}, where="params.yaml"), key


def test_values_written_in_other_ways():
    assert edited_text("a: {b: 1, c: 2}\n", {"a.b": 9}, where="x") == "a: {b: 9 , c: 2}\n"
    text = "d: [1,\n  2]\ne: 3 # three\ng:\nh: 'x'\n"
    for key in ("d", "e", "g", "h"):
        assert yaml.safe_load(edited_text(text, {key: 9}, where="x")) == yaml.safe_load(text) | {key: 9}


def test_says_when_it_does_not_understand():
    with pytest.raises(InputError, match="x: cannot be edited in place"):
        edited_text("a: |\n  long\n  text\nb:\n", {"a": 9}, where="x")


def test_a_section_is_no_value(params_text):
    with pytest.raises(InputError, match=r"params.yaml: loss.dla is a section"):
        edited_text(params_text, {"loss.dla": 1}, where="params.yaml")
