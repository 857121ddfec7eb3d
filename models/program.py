"""What files that this program writes say of it, and where its libraries keep theirs."""

import os
from importlib.metadata import PackageNotFoundError, version


def created_by() -> str:
    """Return the program's name and version."""
    try:
        return f"ida-verify {version('ida-verify')}"
    except PackageNotFoundError:
        return "ida-verify, run from its source tree"


def revision() -> str:
    """Return the revision of the code in words that follow its version; nothing where no build told it."""
    # Not by the settings, which take longer to load than all that `--version` needs.
    told = os.environ.get("IDA_REVISION", "")
    return f" (revision {told[:64]})" if told not in ("", "unknown") else ""


def keep_font_list_in_cache() -> None:
    """Have matplotlib keep its list of fonts in the folder that the settings name, not in the user's; call it before.

    A variable that is set already is left as it is.
    """
    # Here, because the settings take longer to load than all that `--version` needs.
    from service.errors import SettingsInvalid  # noqa: PLC0415
    from service.settings import load_settings  # noqa: PLC0415

    try:
        cache = load_settings().cache_folder
    except SettingsInvalid:  # which the command that needs them says
        return
    os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))
