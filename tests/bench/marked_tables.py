"""Tables that scripts put into documents, each between a mark at its beginning and one at its end."""

import re
import sys
from pathlib import Path


def put_table(file: Path, mark: str, text: str) -> None:
    """Put a table between its marks in a document, and say so; what stood there goes."""
    pattern = rf"(<!-- {mark}: begin -->\n).*(<!-- {mark}: end -->)"
    before = file.read_text("utf-8")
    after, count = re.subn(pattern, lambda found: f"{found[1]}{text}\n{found[2]}", before, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{file} has the marks of {mark} {count} times, and should have them once")
    file.write_text(after, "utf-8")
    print(f"put into {file}: {mark}", file=sys.stderr)
