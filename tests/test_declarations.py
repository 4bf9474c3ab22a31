"""dvc.yaml declares exactly what the code of each stage imports and reads."""

from hashlib import md5

import pytest
import yaml

from tests.declarations import (
    OWN,
    PARAMS_READERS,
    ROOT,
    code_deps,
    declared_code,
    declared_stages,
    imported_files,
    params_read,
)

STAGES = declared_stages()
ROOMS = [
    "common",
    "fetching",
    "recordings",
    "stimuli",
    "captioning",
    "features",
    "encoders",
    "objectives",
    "balancing",
    "training",
    "retrieval",
    "analysis",
    "reporting",
    "decoding",
    "phantom",
    "commands",
]


@pytest.mark.parametrize("name", STAGES)
def test_code_deps_are_the_import_closure(name):
    needed = code_deps(STAGES[name])
    lines = "\n".join(f"    - {path}" for path in needed)
    assert sorted(declared_code(STAGES[name])) == needed, (
        f"deps of stage {name!r} must hold these lines ('python -m tests.declarations' writes them):\n{lines}"
    )


@pytest.mark.parametrize("name", STAGES)
def test_params_are_those_the_code_reads(name):
    needed = sorted(params_read(STAGES[name]))
    lines = "\n".join(f"    - {section}" for section in needed)
    assert sorted(STAGES[name].get("params", [])) == needed, f"params of stage {name!r} must be:\n{lines}"


def test_every_section_of_params_is_read_by_a_stage_or_makes_stages(shipped_params):
    read = set().union(*(stage.get("params", []) for stage in STAGES.values()))
    assert set(shipped_params) - read == {"phantoms", "phantom_roles"}


def test_every_stage_has_a_command_of_its_name():
    for name, stage in STAGES.items():
        assert f"python -m stages.{name.replace('-', '_')} " in stage["cmd"]
        assert (ROOT / "stages" / f"{name.replace('-', '_')}.py").exists()


def test_rooms_import_only_rooms_above_them():
    for path in (ROOT / "pipeline_lib").rglob("*.py"):
        room = path.parent.name
        if room not in ROOMS:
            continue
        for imported in imported_files(path):
            assert ROOMS.index(imported.parent.name) <= ROOMS.index(room), f"{path} imports {imported}"


def test_only_stages_and_commands_reach_for_the_params_file():
    allowed = {"stages", "commands", "common"}
    for package in OWN:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.parent.name not in allowed and path.name != "settings.py":
                assert not any(f"{reader}(" in text for reader in PARAMS_READERS), path


def test_init_files_are_empty():
    assert not [path for package in OWN for path in (ROOT / package).rglob("__init__.py") if path.read_text()]


def test_the_shipped_weights_belong_to_the_shipped_code():
    # Else every fresh clone would train them anew, for minutes.
    stage = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]["phantom-models"]
    for dep in stage["deps"]:
        assert md5((ROOT / dep["path"]).read_bytes()).hexdigest() == dep["md5"], (
            f"{dep['path']} has changed since the weights were trained: run 'dvc repro phantom-models', or, if the "
            "change cannot matter, 'dvc commit phantom-models', and commit dvc.lock"
        )
