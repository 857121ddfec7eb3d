"""The documents say what is true: their commands run, their links lead somewhere, their tables are the code's."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import typer.main
from documents import DOCUMENTS, REPOSITORY, SERVICE, Block, anchors, blocks, links, prose, with_tables
from e2e.fleet import TOKEN, Fleet
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from models.cli import app
from service.api import problems
from service.api.wire.verify_wire import VerifyAnswer
from service.app import create_app
from service.faces.detectors.adapters import DETECTORS
from service.faces.landmarks import LANDMARKERS
from service.settings import DEFAULT_BUNDLE, Settings

README = (REPOSITORY / "README.md").read_text("utf-8")
SETTINGS = {f"IDA_{name.upper()}" for name in Settings.model_fields}
COMMANDS = [block for path in DOCUMENTS for block in blocks(path) if block.language in ("sh", "bash", "shell")]
RUN_HERE = [block for block in COMMANDS if not block.note]

# What an administrator meets and a caller does not; all else stands in the README.
_ADMINS = re.compile(r"^\| \d.*$", re.MULTILINE)
# Fields of the interface that mean what their English word means.
PLAIN = set(
    """
    action activations alive anchor_sets anchors answer at attempts bottom changed checks code count created
    current description error error_code face faces failed_anchor_set_id failed_generation faiss id image
    image_height image_width items last_error last_generation left limits message methods model models name
    onnxruntime operating_points pairs parameters parts people previous problem pushed_at python reachable
    replicas right seconds seen_seconds_ago served_here service since started state status title top type url
    version who
    """.split()  # noqa: SIM905  (a list would be a screen long)
)


# --- what stands in the documents ---


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_tables_of_settings_and_metrics_are_the_codes() -> None:
    text = SERVICE.read_text("utf-8")
    assert with_tables(text) == text, "write them anew: poe tables"
    assert [name for name in SETTINGS if f"| `{name}` |" not in text] == []


def test_documents_name_no_setting_that_does_not_exist() -> None:
    read_by_tests = {"IDA_CASES_DIR", "IDA_FACES_DIR", "IDA_REQUIRE_SYSTEM"}
    of_the_compose_file = {"IDA_REPLICAS", "IDA_ADMIN_TOKENS", "IDA_ALERTMANAGER", "IDA_RUNBOOKS"}
    of_the_compose_file |= {"IDA_CPUS", "IDA_MEMORY", "IDA_API_KEYS", "IDA_PROXY_CERTIFICATE", "IDA_PROXY_KEY"}
    of_the_compose_file |= {"IDA_IMAGE", "IDA_IMAGE_GPU", "IDA_PROXY_CLIENT_CA", "IDA_SIGNERS", "IDA_OWN_BUNDLE"}
    of_the_compose_file |= {"IDA_RECEIPT_KEY", "IDA_AUDIT_DIGEST_KEY"}
    known = SETTINGS | read_by_tests | of_the_compose_file
    unknown = {
        (path.name, name)
        for path in DOCUMENTS
        for name in re.findall(r"\bIDA_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))
        if name not in known
    }
    assert unknown == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(document)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [REPOSITORY / "README.md"]
    while waiting:
        document = waiting.pop()
        if document not in reached:
            reached.add(document)
            waiting += [target for target, _ in links(document) if target.suffix == ".md"]
    assert set(DOCUMENTS) - reached == set()


def test_tree_of_the_readme_is_the_tree() -> None:
    (tree,) = (block.text for block in blocks(REPOSITORY / "README.md") if block.text.startswith("service/"))
    folder = ""
    named = {}
    for line in tree.splitlines():
        words = re.split(r"  +", line.strip())[0]
        if not line.startswith(" "):
            folder = words.strip("/")
            continue
        named.setdefault(folder, set()).update(word.strip(" /") for word in words.split(","))
    for folder, names in named.items():
        there = {path.stem for path in (REPOSITORY / folder).iterdir()}
        assert names <= there, f"{folder} has no {names - there}"
    packages = {path.parent.name for path in (REPOSITORY / "service").glob("*/__init__.py")}
    assert packages - named["service"] == {"telemetry"}


def test_every_error_stands_in_a_table_with_what_to_do() -> None:
    rows = _ADMINS.findall(README) + _ADMINS.findall(SERVICE.read_text("utf-8"))
    told = set(re.findall(r"`([a-z_0-9]+)`", " ".join(row.split("|")[2] for row in rows)))
    opaque = {status for status in problems.STATUS.values() if status == 500}
    codes = {kind.code for kind, status in problems.STATUS.items() if status not in opaque}
    assert codes - told == set()
    assert all(row.split("|")[3].strip() for row in rows)


def test_every_term_of_the_interface_is_explained() -> None:
    words = SERVICE.read_text("utf-8").partition("\n## Words\n")[2]
    rows = re.findall(r"^\| .*$", words, re.MULTILINE)
    explained = set(re.findall(r"\w+", " ".join(row.split("|")[1] for row in rows)))
    explained |= set(re.findall(r"`(\w+)`", words))  # beside a word that they belong to
    document = create_app(Settings(admin_token="a-token-for-tests-alone")).openapi()
    schemas = document["components"]["schemas"].values()
    fields = {name for schema in schemas for name in schema.get("properties", {})} - set(Settings.model_fields)
    assert fields - explained - PLAIN == set(), "explain them under Words in service/README.md"


def test_table_of_the_answer_has_every_field_of_it() -> None:
    table = (
        SERVICE.read_text("utf-8").partition("The answer of `/verify`, in its order:")[2].partition("\n\nHow long")[0]
    )
    told = re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in re.findall(r"^\| .*$", table, re.MULTILINE)))
    assert set(VerifyAnswer.model_fields) - set(told) == set()


def test_every_detector_and_landmark_network_is_told_to_who_makes_a_pack() -> None:
    text = (REPOSITORY / "models/packs/README.md").read_text("utf-8")
    assert [adapter.name for adapter in (*DETECTORS, *LANDMARKERS) if f'adapter = "{adapter.name}"' not in text] == []


@pytest.mark.parametrize("name", [".github/CONTRIBUTING.md", "tests/README.md"])
def test_files_that_a_document_sends_to_exist(name: str) -> None:
    text = prose(REPOSITORY / name)
    named = re.findall(r"`((?:service|models|tests|deploy)/[\w./-]+)`", text)
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


# --- commands ---


def test_every_fence_says_its_language() -> None:
    assert [str(block) for path in DOCUMENTS for block in blocks(path) if not block.language] == []


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_commands_are_run_or_say_why_not(block: Block) -> None:
    run_by = re.fullmatch(r"run by: (\S+)::(\w+)", block.note)
    if run_by:
        assert f"def {run_by[2]}(" in (REPOSITORY / run_by[1]).read_text("utf-8")
    elif block.note:
        assert re.fullmatch(r"not run: .{15,}", block.note), block.note


@cache
def help_of(*words: str) -> tuple[str, ...]:
    """The options of a command; of none where there is no such command."""
    found = typer.main.get_command(app)
    for word in words:
        if not hasattr(found, "get_command"):  # what follows are the command's arguments
            break
        found = found.get_command(None, word)
        assert found is not None, f"there is no command {' '.join(words)}"
    return (
        "--help",
        *(option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)),
    )


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_commands_and_options_exist(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        for found in re.finditer(r"(?:^|[/(]|(?<!-n) )ida-verify((?: [^|&;#]*)?)", line):
            words = [word.strip("()") for word in found[1].split() if not word.startswith(("$", '"', "'"))]
            path = words[
                : next((at for at, word in enumerate(words) if not re.fullmatch(r"[a-z-]+", word)), len(words))
            ]
            path = [word for word in path if not word.startswith("-")]
            if line.startswith(("docker", "ida()", "kubectl", "helm")) or not path:
                continue
            options = {word.partition("=")[0].strip("[]") for word in words if re.match(r"\[?--\w", word)}
            assert options <= set(help_of(*path)), f"{block}: {line}"
        for script, rest in re.findall(r"(?:poe bench |python tests/\w+/)(\w+)(?:\.py)?(.*)", line):
            source = next((REPOSITORY / "tests").glob(f"*/{script}.py")).read_text("utf-8")
            for option in re.findall(r"--[a-z][\w-]*", rest.partition("#")[0]):
                assert f'"{option}"' in source, f"{script} has no {option}"


def test_every_command_has_a_help_of_its_own() -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"]).output
    for name in typer.main.get_command(app).list_commands(None):
        assert name in listed
        assert f"`ida-verify {name}" in README or f"`{name}`" in README or f"`{name} " in README, f"README lacks {name}"
        told = runner.invoke(app, [name, "--help"])
        assert told.exit_code == 0, told.output
        assert f" {name} " in told.output.splitlines()[1]


def test_ci_finds_its_lines_in_the_readme() -> None:
    patterns = re.findall(r'grep -m1 -E "(.+?)" README\.md', (REPOSITORY / ".ci" / "run").read_text("utf-8"))
    assert len(patterns) == 3
    for pattern in patterns:
        assert len(re.findall(pattern, README, re.MULTILINE)) == 1, pattern


def test_verbs_that_the_documents_name_exist() -> None:
    tasks = (REPOSITORY / "pyproject.toml").read_text("utf-8").partition("[tool.poe.tasks]")[2]
    verbs = {found for path in DOCUMENTS for found in re.findall(r"\bpoe ([a-z]+)", path.read_text("utf-8"))}
    assert verbs
    assert [verb for verb in verbs if not re.search(rf"^{verb}\.help = ", tasks, re.MULTILINE)] == []


# --- the commands that run here ---

_PREAMBLE = """set -euo pipefail
shopt -s extglob
curl() { command curl --fail-with-body --silent --show-error "$@"; }
ida-verify() {
  case "$1 ${2-}" in
    "anchors "@(push|activate|rollback|status|delete)) command ida-verify "$@" --url "$URL" ;;
    *) command ida-verify "$@" ;;
  esac
}
"""


@pytest.fixture(scope="module")
def replica(pack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    fleet = Fleet(folder)
    fleet.add(str(folder / "store"), pack.folder.parents[1], IDA_COMPAT="deepface,compreface,facepp,localai,oip")
    fleet.start()
    yield fleet.replicas[0]
    fleet.close()


@pytest.fixture
def there(tmp_path, hopper_jpeg) -> Path:
    """A folder with all that the documents' commands speak of."""
    collins, hopper = Image.fromarray(data.astronaut()), tmp_path / "hopper.jpg"
    hopper.write_bytes(hopper_jpeg)
    collins.save(tmp_path / "collins.jpg", quality=95)
    collins.crop((60, 0, 400, 340)).rotate(8).save(tmp_path / "collins-changed.jpg", quality=60)
    for name, count in (("generated-faces", 24), ("real-faces", 3)):
        (tmp_path / name).mkdir()
        for number in range(count):
            turned = (collins if number % 2 else Image.open(hopper)).rotate(number - count / 2)
            turned.save(tmp_path / name / f"{number}.jpg")
    for person, picture in (("collins", collins), ("hopper", Image.open(hopper))):
        (tmp_path / "people" / person).mkdir(parents=True)
        for number in range(3):
            picture.rotate(4 * number).save(tmp_path / "people" / person / f"{number}.jpg")
    mine = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "my-bundle")
    manifest = json.loads((mine / "manifest.json").read_text("utf-8"))
    manifest["provenance"]["note"] = "a copy of the default one"
    (mine / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return tmp_path


@pytest.mark.weights
@pytest.mark.system
@pytest.mark.parametrize("block", RUN_HERE, ids=str)
def test_commands_of_the_documents_run(block, replica, there, require_program) -> None:
    require_program("curl")
    here = Path(sys.executable).parent
    script = block.text.replace("http://127.0.0.1:8000", replica.url).replace(".venv/bin/", f"{here}/")
    environment = {
        **replica.environment,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "IDA_CACHE": str(there / "cache"),
        "IDA_STORE": "",
        "IDA_ADMIN_TOKEN": TOKEN,
        "URL": replica.url,
    }
    result = subprocess.run(
        ["bash", "-c", _PREAMBLE + script], cwd=there, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    if block.document.parent == REPOSITORY:
        assert re.findall(r'"decision":"(\w+)"', result.stdout)[0::1][0] == "match"
        basic = json.loads(result.stdout[result.stdout.rindex('{"decision"') :])
        said = re.search(
            r"`(\w+)` with a `score` of (\d\.\d+) and a `similarity` of (\d\.\d+)", block.document.read_text("utf-8")
        )
        assert said is not None
        told = basic["decision"], round(basic["score"], 2), round(basic["similarity"], 2)
        assert told == (said[1], float(said[2]), float(said[3]))
