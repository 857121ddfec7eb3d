"""The generator of the TypeScript client, which is a script and no part of a package."""

import importlib.util
from pathlib import Path

CLIENTS = Path(__file__).parents[1] / "deploy" / "clients"


def generator():
    """The module of ``deploy/clients/generate_typescript.py``."""
    found = importlib.util.spec_from_file_location("generate_typescript", CLIENTS / "generate_typescript.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
