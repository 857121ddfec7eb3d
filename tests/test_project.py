"""The project keeps its own rules, and its README says what is true."""

import ast
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from models.cli import app
from service.settings import Settings

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")
SETTINGS = [f"IDA_{field.upper()}" for field in Settings.model_fields]
CODE_BLOCKS = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

CHECKS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


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


def test_readme_names_every_setting() -> None:
    assert [name for name in SETTINGS if name not in README] == []


def test_readme_names_no_setting_that_does_not_exist() -> None:
    read_by_tests = {"IDA_CASES_DIR", "IDA_FACES_DIR", "IDA_REQUIRE_SYSTEM"}
    of_the_compose_file = {"IDA_REPLICAS", "IDA_ADMIN_TOKENS"}
    text = README + (REPOSITORY / "deploy" / "README.md").read_text("utf-8")
    assert set(re.findall(r"\bIDA_[A-Z_]*[A-Z]\b", text)) <= {*SETTINGS, *read_by_tests, *of_the_compose_file}


def test_readme_links_lead_to_files_that_exist() -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_readme_shows_only_commands_that_exist() -> None:
    shown = re.findall(r"(?:^|[\s/])ida-verify ((?:[a-z][a-z-]*[ \n])+)", "\n".join(CODE_BLOCKS), re.MULTILINE)
    assert shown
    unknown = []
    for words in shown:
        command = typer.main.get_command(app)
        for word in shlex.split(words):
            if not hasattr(command, "get_command"):  # what follows are the command's arguments
                break
            command = command.get_command(None, word)
            if command is None:
                unknown.append(words.strip())
                break
    assert unknown == []


def test_every_command_has_a_help_of_its_own() -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"]).output
    for name in typer.main.get_command(app).list_commands(None):
        assert name in listed
        told = runner.invoke(app, [name, "--help"])
        assert told.exit_code == 0, told.output
        assert f" {name} " in told.output.splitlines()[1]


def test_serving_loads_none_of_the_tools() -> None:
    script = (
        "import sys; from models.cli import app\n"
        "app(['serve', '--help'], standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith('models.')))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    expected = ["models.cli", "models.commands", "models.commands.serve"]
    assert result.stdout.splitlines()[-1] == str(expected)


def test_readme_test_line_is_what_ci_runs() -> None:
    # .ci/run takes the line from the README by this pattern.
    pattern = re.search(r'grep -m1 -E "(\^python3.+)" README\.md', (REPOSITORY / ".ci" / "run").read_text("utf-8"))
    assert pattern is not None
    assert len(re.findall(pattern[1], README, re.MULTILINE)) == 1
