"""What each stage imports and reads, found in its source, beside what dvc.yaml declares.

    python -m tests.declarations        # rewrites the code lines of dvc.yaml's deps, comments kept

DVC does not follow imports, so a hand-kept list goes wrong; tests/test_declarations.py fails with the lines to paste.
"""

import ast
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
OWN = ("pipeline_lib", "stages")
PARAMS_READERS = ("load_section", "load_names")


def declared_stages(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml by name."""
    return yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def stage_script(stage: dict[str, Any], root: Path = ROOT) -> Path:
    """The file that a stage's command runs."""
    module = re.search(r"python -m (\S+)", stage["cmd"])[1]
    return root / (module.replace(".", "/") + ".py")


def module_file(name: str, root: Path) -> Path | None:
    """The file of an own module, None where `name` is no module of ours."""
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    return path if name.split(".")[0] in OWN and path.exists() else None


def imported_files(script: Path, root: Path = ROOT) -> set[Path]:
    """The own modules that one file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{script}: relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {path for name in names if (path := module_file(name, root))}
    return found


def import_closure(script: Path, root: Path = ROOT) -> set[Path]:
    """`script` and every own module it imports, directly or not."""
    seen: set[Path] = set()
    waiting = {script}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= imported_files(path, root) - seen
    return seen


def code_deps(stage: dict[str, Any], root: Path = ROOT) -> list[str]:
    """The lines of code that a stage must declare among its deps."""
    return sorted(path.relative_to(root).as_posix() for path in import_closure(stage_script(stage, root), root))


def params_read(stage: dict[str, Any], root: Path = ROOT) -> set[str]:
    """The sections and lists of params.yaml that a stage's closure reads by a literal name."""
    found = set()
    for path in import_closure(stage_script(stage, root), root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in PARAMS_READERS:
                found.add(ast.literal_eval(node.args[1]))
    return found


def declared_code(stage: dict[str, Any]) -> list[str]:
    """The python files among a stage's declared deps."""
    return [dep for dep in stage.get("deps", []) if dep.endswith(".py")]


def rewrite(root: Path = ROOT) -> None:
    """Bring the code lines of dvc.yaml's deps up to date."""
    from ruamel.yaml import YAML

    editor = YAML()
    editor.width = 118
    document = editor.load((root / "dvc.yaml").read_text(encoding="utf-8"))
    for stage in document["stages"].values():
        data = [dep for dep in stage.get("deps", []) if not dep.endswith(".py")]
        position = list(stage).index("cmd") + 1
        stage.pop("deps", None)
        stage.insert(position, "deps", [*code_deps(stage, root), *data])
    with (root / "dvc.yaml").open("w", encoding="utf-8") as file:
        editor.dump(document, file)


if __name__ == "__main__":
    rewrite()
