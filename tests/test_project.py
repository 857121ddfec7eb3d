"""The project keeps its own rules."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

CHECKS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


@pytest.mark.long
@pytest.mark.parametrize("check", CHECKS)
def test_code_passes_the_projects_own_check(check: str) -> None:
    program, *arguments = CHECKS[check]
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_public_name_and_no_module_means_two_things() -> None:
    places = defaultdict(list)
    for path in (file for tree in ("service", "models") for file in sorted((REPOSITORY / tree).rglob("*.py"))):
        names = [] if path.stem == "__init__" else [f"module {path.stem}"]
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                names.append(node.name)
            elif isinstance(node, ast.Assign):  # aliases of types; capitals alone are constants
                names += [
                    target.id for target in node.targets if isinstance(target, ast.Name) and not target.id.isupper()
                ]
        for name in names:
            if name.startswith("module ") or (name[0].isupper() and not name.isupper()):
                places[name].append(str(path.relative_to(REPOSITORY)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_serving_loads_none_of_the_tools() -> None:
    script = (
        "import sys; from models.cli import app\n"
        "app(['serve', '--help'], standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith('models.')))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    expected = ["models.cli", "models.commands", "models.commands.serve"]
    assert result.stdout.splitlines()[-1] == str(expected)


def test_no_two_test_files_have_one_name() -> None:
    # There are no packages below tests/: pytest would refuse the second.
    names = [path.name for path in (REPOSITORY / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
