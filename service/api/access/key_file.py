"""The file of the callers' keys: what a line of it says, and how a key and its line are made."""

import hashlib
import json
import re
import secrets
import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from service.errors import SettingsInvalid
from service.faults import faults

KeyScope = Literal["verify", "embed", "info"]
"""What a key may do: compare faces, embed faces, and look at ``/info`` and the metrics."""

KEY_PREFIX = "ida_"
"""Of every key, so that who finds one, or looks for lost ones, sees what it is."""

_KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE_BYTES_LIMIT = 4 * 1024 * 1024
_MOST_KEYS = 10_000
_LINE = re.compile(r"at line \d+, column \d+")
_LONGEST_SHOWN = 20


class ApiKey(BaseModel):
    """One caller's key, without the key itself.

    The file holds SHA-256 of the key and nothing slower: a slow hash protects what people choose, since that can be
    guessed. A key is 256 random bits, of which nobody tries a share worth naming, and every request pays for the hash.

    Attributes:
        name: of the caller, as logs and the audit log tell it.
        sha256: digest of the key's text, in hexadecimal digits.
        scopes: what it may do.
        per_second: requests a second in the long run, by each replica; None without limit. A batch is one request.
        burst: requests that may come at once after a pause; a second's worth by default, 1 at least.
        concurrent: requests that are answered at the same time, by each replica; None without limit.
        expires: when it is known no more; None for never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: Annotated[tuple[KeyScope, ...], Field(min_length=1, max_length=3, fail_fast=True)]
    per_second: float | None = Field(default=None, ge=0.001, le=1_000_000, allow_inf_nan=False)
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    concurrent: int | None = Field(default=None, ge=1, le=100_000)
    expires: datetime | None = None

    @field_validator("expires", mode="before")
    @classmethod
    def _has_an_offset(cls, value: object) -> object:
        # TOML knows days, and times that say of no place which one they mean.
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("write a day, such as 2027-01-31, or a time with its offset: 2027-01-31T12:00:00Z")
            return value
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        if value is None:
            return None
        raise ValueError("write a day without quotes, such as 2027-01-31")

    def is_expired(self, now: datetime) -> bool:
        """Return whether it is known no more."""
        return self.expires is not None and now >= self.expires


def new_key() -> str:
    """Return a new key: 256 bits of the system's randomness behind ``KEY_PREFIX``."""
    return KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def digest_of(key: str) -> str:
    """Return the digest of a key's text, as the file holds it."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def key_line(key: ApiKey) -> str:
    """Return the line of the file that says this."""
    told = [f'sha256 = "{key.sha256}"', f"scopes = {json.dumps(list(key.scopes))}"]
    told += [
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name in ("per_second", "burst", "concurrent")
        if (value := getattr(key, name)) is not None
    ]
    if key.expires is not None:
        told.append(f"expires = {key.expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return f"{key.name} = {{ {', '.join(told)} }}"


def named_key(name: str, said: object, where: str) -> ApiKey:
    """Return what is said of a key.

    Raises:
        SettingsInvalid: naming the key and what is wrong; never a value, which may be the key itself.
    """
    if not _NAME.fullmatch(name) or name.startswith(KEY_PREFIX):
        shown = "a key's own text" if name.startswith(KEY_PREFIX) else repr(name[:_LONGEST_SHOWN])
        raise SettingsInvalid(
            f"{where}: {shown} is no usable name. Take 1 to 64 letters, digits, _ and -, and not {KEY_PREFIX} in front."
        )
    if not isinstance(said, dict) or "name" in said:
        raise SettingsInvalid(
            f'{where}: {name} must be a table, such as {{ sha256 = "…", scopes = ["verify"] }}, without a name in it.'
        )
    try:
        return ApiKey.model_validate({"name": name, **said})
    except ValidationError as error:
        raise SettingsInvalid(f"{where}: {name}: {faults(error)}.") from error


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file: TOML, a line for each, as ``key_line`` writes it.

    Raises:
        SettingsInvalid: if it cannot be read, or says what it must not, naming the line or the key.
    """
    where = f"IDA_API_KEYS_FILE {file}"
    try:
        with file.open("rb") as stream:
            content = stream.read(_FILE_BYTES_LIMIT + 1)
        if len(content) > _FILE_BYTES_LIMIT:
            raise SettingsInvalid(f"{where} has more than {_FILE_BYTES_LIMIT} bytes.")
        document = tomllib.loads(content.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        # What else its message says may be a part of the file.
        place = _LINE.search(str(error))
        raise SettingsInvalid(
            f"{where} is no TOML{f' {place[0]}' if place else ''}. A name that stands there twice is such a fault too."
        ) from error
    except (OSError, UnicodeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or ("nested too deep" if isinstance(error, RecursionError) else "")
        raise SettingsInvalid(f"{where} cannot be read ({reason or 'not UTF-8'}).") from error
    if not 1 <= len(document) <= _MOST_KEYS:
        raise SettingsInvalid(
            f"{where} has {len(document)} keys, 1 to {_MOST_KEYS} are taken: `ida-verify keys new NAME` makes one."
        )
    found = tuple(named_key(name, said, where) for name, said in document.items())
    _check_distinct(found, where)
    return found


def _check_distinct(keys: Iterable[ApiKey], where: str) -> None:
    owners: dict[str, str] = {}
    for key in keys:
        if key.sha256 in owners:
            raise SettingsInvalid(f"{where}: {key.name} and {owners[key.sha256]} have one key. Make one for each.")
        owners[key.sha256] = key.name


SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
"""All there are."""
