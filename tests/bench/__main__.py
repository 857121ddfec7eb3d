"""Run a benchmark by its name, or list them: ``poe bench [NAME [OPTIONS]]``."""

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    """Run the script that the first argument names with the arguments behind it; without one, list the scripts."""
    scripts = [path for path in sorted(FOLDER.glob("[!_]*.py")) if 'if __name__ == "__main__":' in path.read_text()]
    found = {path.stem: path for path in scripts}
    sys.path[0] = str(FOLDER)  # as if the script had been called by its path
    del sys.argv[0]
    if not sys.argv or sys.argv[0] not in found:
        for name, path in found.items():
            print(f"{name:22} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        raise SystemExit(f"No benchmark is called {sys.argv[0]}." if sys.argv else 0)
    path = found[sys.argv[0]]
    sys.argv[0] = str(path)
    runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
