"""What holds of the whole command line: names, examples, bundles, versions, and that it starts quickly."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from models.cli import EXAMPLES, app
from models.commands.bundle_option import bundle_folder
from service.activation.built_in import shipped_bundles
from service.settings import DEFAULT_BUNDLE, load_settings

GROUP: Any = typer.main.get_command(app)


def commands(group: Any = GROUP, before: str = "") -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from commands(found, f"{before}{name} ")
        else:
            yield f"{before}{name}", found


COMMANDS = dict(commands())


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.argv[0] = 'ida-verify'; from models.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_version_is_a_line_of_program_and_version():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"ida-verify {version('ida-verify')}\n")


@pytest.mark.parametrize(("told", "shown"), [("1f3c9ab", " (revision 1f3c9ab)"), ("unknown", "")])
def test_version_tells_the_revision_that_the_build_told(monkeypatch, told, shown):
    monkeypatch.setenv("IDA_REVISION", told)
    assert CliRunner().invoke(app, ["--version"]).stdout == f"ida-verify {version('ida-verify')}{shown}\n"


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_version_and_list_of_commands_load_nothing_that_takes_long(asked):
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from models.cli import main; main()", asked],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    loaded = set(re.findall(r"\|\s+(\S+)$", told, re.MULTILINE))
    assert "models.cli" in loaded
    assert loaded.isdisjoint({"numpy", "pydantic", "fastapi", "onnxruntime", "faiss", "PIL", "matplotlib", "scipy"})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        (["verfy"], "verify"),
        (["calibrat"], "calibrate"),
        (["anchors", "pusch"], "push"),
        (["verify", "--operating-piont", "x"], "--operating-point"),
    ],
)
def test_a_misspelt_word_gets_the_one_that_was_meant(wrong, meant):
    result = CliRunner().invoke(app, wrong)
    assert result.exit_code == 2
    assert re.search(rf"(Did you mean|Possible options).*{meant}", result.output)


def test_the_list_says_a_line_of_every_command():
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for name, command in GROUP.commands.items():
        assert command.help.endswith("."), name
        assert re.search(rf"│ {name} +{re.escape(command.help)}", listed), name


@pytest.mark.slow
def test_bash_completes_commands_and_options():
    asked = {"_IDA_VERIFY_COMPLETE": "complete_bash"}
    found = run(**asked, COMP_WORDS="ida-verify ver", COMP_CWORD="1")
    assert found.stdout.split() == ["verify"]
    found = run(**asked, COMP_WORDS="ida-verify anchors pu", COMP_CWORD="2")
    assert found.stdout.split() == ["push"]
    found = run(**asked, COMP_WORDS="ida-verify verify --pic", COMP_CWORD="2")
    assert found.stdout.split() == ["--picture"]


def test_every_command_has_examples_and_no_other_has():
    assert EXAMPLES.keys() == COMMANDS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("words", EXAMPLES)
def test_examples_are_in_the_help_and_name_options_that_there_are(words):
    told = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "160"}).output
    options = {option for parameter in COMMANDS[words].params for option in parameter.opts}
    for line in EXAMPLES[words]:
        assert f" {line} " in told
        assert f"ida-verify {words}" in line
        assert set(re.findall(r"--[a-z][a-z-]*", line)) <= options, line


@pytest.mark.parametrize("words", COMMANDS)
def test_nothing_in_brackets_is_lost_from_a_help(words):
    # Rich takes what begins with a small letter in brackets for a style, and shows nothing of it.
    for parameter in COMMANDS[words].params:
        assert not re.search(r"(?<!\\)\[[a-z#/@]", getattr(parameter, "help", None) or ""), parameter.name


def test_every_option_of_a_bundle_takes_the_word_for_the_shipped_one():
    found = [
        (words, parameter)
        for words, command in COMMANDS.items()
        for parameter in command.params
        if parameter.name in {"bundle", "of"} and words != "replay"  # which takes an id too
    ]
    assert len(found) >= 12
    for words, parameter in found:
        # A list of them, where it may be given several times.
        several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
        for folder in shipped_bundles():
            value = parameter.process_value(typer.Context(COMMANDS[words]), [folder.name] if several else folder.name)
            assert value in (folder, [folder]), words


def test_the_setting_of_the_bundle_takes_the_word_for_the_shipped_one(monkeypatch):
    monkeypatch.setenv("IDA_BUNDLE", "default")
    assert load_settings().bundle == DEFAULT_BUNDLE
    monkeypatch.setenv("IDA_BUNDLE", "./default")
    assert load_settings().bundle != DEFAULT_BUNDLE


@pytest.mark.parametrize(
    ("name", "wrong"), [("absent", "is not there"), ("file", "is no folder"), ("empty", "no manifest.json in it")]
)
def test_what_is_no_bundle_is_told_with_what_to_give(tmp_path, name, wrong):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(typer.BadParameter, match=rf"{name}.* {wrong}.*`default`"):
        bundle_folder(str(tmp_path / name))
