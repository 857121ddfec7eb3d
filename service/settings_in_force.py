"""Which settings are in force and where they come from, and variables that look like settings and are none."""

import difflib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from service.redaction import redacted
from service.settings import PREFIX, Settings

SettingSource = Literal["default", "environment", "option"]

# What Kubernetes sets in every pod for a Service whose name begins with "ida-".
_OF_A_SERVICE = re.compile(r"(.+)_(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)")


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting as it is in force.

    Attributes:
        variable: its environment variable.
        value: what is in force, in words; what may be a secret is not shown.
        source: where that comes from.
    """

    variable: str
    value: str
    source: SettingSource


def settings_in_force(settings: Settings, options: Collection[str] = ()) -> list[SettingInForce]:
    """Return every setting and where it comes from.

    Args:
        settings: as ``load_settings`` gave them.
        options: names of those that options of the command line set.
    """
    derived = {
        "store": settings.store_location,
        "cache": settings.cache_folder,
        "replica": settings.replica_name,
    }
    found = []
    for name in Settings.model_fields:
        source: SettingSource = "default"
        if name in settings.model_fields_set:
            source = "option" if name in options else "environment"
        value = derived.get(name, getattr(settings, name))
        shown = "" if value is None else str(value) if isinstance(value, SecretStr) else redacted(str(value))
        found.append(SettingInForce(f"{PREFIX}{name.upper()}", shown, source))
    return found


def unknown_variables() -> list[str]:
    """Return what is wrong with environment variables that look like settings and are none, in words."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    services = {name.removesuffix("_SERVICE_HOST") for name in os.environ if name.endswith("_SERVICE_HOST")}
    found = []
    for name in sorted(os.environ):
        of_a_service = _OF_A_SERVICE.fullmatch(name)
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if of_a_service is not None and of_a_service[1] in services:
            continue
        near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
        found.append(f"{name} is no setting" + (f"; the nearest is {near[0]}" if near else ""))
    return found
