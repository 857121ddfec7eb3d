"""What files that this program writes say of it."""

from importlib.metadata import PackageNotFoundError, version


def created_by() -> str:
    """Return the program's name and version."""
    try:
        return f"ida-verify {version('ida-verify')}"
    except PackageNotFoundError:
        return "ida-verify, run from its source tree"
