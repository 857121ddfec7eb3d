"""The project keeps its own rules, and its README says what is true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

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


def test_readme_names_every_setting() -> None:
    assert [name for name in SETTINGS if name not in README] == []


def test_readme_names_no_setting_that_does_not_exist() -> None:
    read_by_tests = {"IDA_FACES_DIR", "IDA_REQUIRE_SYSTEM"}
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
            subcommands = getattr(command, "commands", None)
            if subcommands is None:  # what follows are the command's arguments
                break
            if word not in subcommands:
                unknown.append(words.strip())
                break
            command = subcommands[word]
    assert unknown == []


def test_readme_test_line_is_what_ci_runs() -> None:
    # .ci/run takes the line from the README by this pattern.
    pattern = re.search(r'grep -m1 -E "(\^python3.+)" README\.md', (REPOSITORY / ".ci" / "run").read_text("utf-8"))
    assert pattern is not None
    assert len(re.findall(pattern[1], README, re.MULTILINE)) == 1
