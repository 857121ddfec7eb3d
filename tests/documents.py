"""The project's documents, taken apart: blocks of commands, links, headings, and the tables that the code gives.

``poe tables`` writes those tables anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from service.faces.quality.components import COMPONENTS
from service.settings import DEFAULT_BUNDLE, Settings
from service.telemetry import Metrics

REPOSITORY = Path(__file__).parents[1]
SERVICE = REPOSITORY / "service" / "README.md"
_FOLDERS = (".github", "deploy", "models", "service", "tests")
DOCUMENTS = [REPOSITORY / "README.md", *sorted(path for name in _FOLDERS for path in (REPOSITORY / name).rglob("*.md"))]

_FENCE = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<note>[^\n]*?) -->\n *)?```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_PLATFORM = "the platform's data folder"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        document: where it stands.
        line: of its first line, counted from 1.
        language: behind the fence.
        text: what stands between the fences, its indent taken away.
        note: the comment right above it, empty where there is none.
    """

    document: Path
    line: int
    language: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(REPOSITORY)}:{self.line}"


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document."""
    text = document.read_text("utf-8")
    for found in _FENCE.finditer(text):
        indent = found["indent"]
        body = re.sub(rf"^{indent}", "", found["text"], flags=re.MULTILINE)
        yield Block(
            document, text.count("\n", 0, found.start("text")) + 1, found["language"], body, found["note"] or ""
        )


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", document.read_text("utf-8"))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Yield what a document links to within the project: the file, and the anchor or nothing."""
    for target, anchor in _LINK.findall(prose(document)):
        yield (document.parent / target).resolve() if target else document, anchor


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def settings_table() -> str:
    """Return the table of the settings, as the code has them."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `IDA_{name.upper()}` | {_default(field.get_default())} | {field.description} |")
    return "\n".join(rows)


def metrics_table() -> str:
    """Return the table of the metrics, as the code has them."""
    rows = ["| metric | labels | what it is |", "|---|---|---|"]
    for collector in vars(Metrics(CollectorRegistry())).values():
        if isinstance(collector, CollectorRegistry):
            continue
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in vars(collector)["_labelnames"])
        rows.append(f"| `{name}` | {labels} | {family.documentation} |")
    return "\n".join(rows)


def quality_table() -> str:
    """Return the table of the components of a face's quality, as the code has them."""
    rows = [f"| `{component.name}` | {component.meaning.replace('|', '&#124;')} |" for component in COMPONENTS]
    return "\n".join(["| component | what it says, and its formula |", "|---|---|", *rows])


def with_tables(text: str) -> str:
    """Return a document with the tables that the code gives."""
    for name, table in (("settings", settings_table()), ("metrics", metrics_table()), ("quality", quality_table())):
        text = re.sub(
            rf"(<!-- generated: {name} -->\n).*?(<!-- /generated -->)",
            lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
    return text


def _default(value: object) -> str:
    if value is None or value == "" or isinstance(value, SecretStr):
        return "none"
    if isinstance(value, Path):
        return "the one shipped" if value == DEFAULT_BUNDLE else str(value)
    return _PLATFORM if "Undefined" in repr(value) else f"`{value}`"


if __name__ == "__main__":
    SERVICE.write_text(with_tables(SERVICE.read_text("utf-8")), encoding="utf-8")
