"""What PyTorch does, loaded only where it is asked for: it is an extra, and takes seconds."""

from importlib import import_module
from types import ModuleType

from models.tool_errors import ExtraMissing


def training_module(name: str) -> ModuleType:
    """Return a module that trains.

    Args:
        name: its full name.

    Raises:
        ExtraMissing: if PyTorch is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ExtraMissing("Training needs PyTorch: install the extra [train].") from error
