"""A page as bytes: its templates, its look, and the contents that are found in its headings."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.pages.symbols import SYMBOLS

_HEADING = re.compile(r"<h([23])(?: id=\"([^\"]*)\")?>(.*?)</h\1>", re.DOTALL)
_TABLE = '<div class="wide">'
_PARTS = re.compile(rf"{_HEADING.pattern}|{re.escape(_TABLE)}", re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")
_CONTENTS = "<!-- contents -->"


def page_of(folders: Path, template: str, filters: Mapping[str, Callable[..., Any]], **facts: Any) -> bytes:
    """Return a page.

    Args:
        folders: where its template lies; those of all pages lie here.
        template: its name, which extends ``page.html.j2``.
        filters: by the name that the template has for each.
        facts: what the template shows.
    """
    environment = Environment(
        loader=FileSystemLoader([folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    environment.globals["symbols"] = SYMBOLS
    return _with_contents(environment.get_template(template).render(**facts)).encode()


def drawn(plot: str) -> Markup:
    """Return a plot for a template as it is: its own text was escaped when it was drawn."""
    return Markup(plot)  # noqa: S704


def _with_contents(html: str) -> str:
    """Return a page with its headings listed, and every table named after the heading above it.

    A region that scrolls is reached by keyboard alone only if it can have the focus, and then needs a name.
    """
    entries: list[tuple[int, str, str]] = []

    def changed(found: re.Match[str]) -> str:
        level, anchor, title = found.groups()
        if level is None:
            above = entries[-1][2] if entries else "Table"
            return f'<div class="wide" tabindex="0" role="region" aria-label="{above}">'
        entries.append(
            (int(level), anchor or f"part-{len(entries)}", _TAGS.sub("", title).strip().replace('"', "&quot;"))
        )
        return f'<h{level} id="{entries[-1][1]}">{title}</h{level}>'

    html = _PARTS.sub(changed, html)
    lines = [f'<li class="level-{level}"><a href="#{anchor}">{title}</a></li>' for level, anchor, title in entries]
    return html.replace(_CONTENTS, "\n".join(lines), 1)
