"""The administrators' tokens: who sent one, and nothing else about it."""

import hmac
import logging
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from service.errors import SettingsInvalid
from service.settings import Settings

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LEAST_LENGTH = 16
_UNNAMED = "admin"


class Tokens:
    """Knows the administrators by their tokens. Safe to use from several threads.

    A file of tokens is read again when it changes, so that a token is replaced without a restart; one that then cannot
    be used leaves the tokens as they were.
    """

    def __init__(self, tokens: Mapping[bytes, str], file: Path | None = None) -> None:
        """Take tokens and whose they are.

        Args:
            tokens: the name of each token's owner.
            file: the file that they came from.
        """
        self._tokens = dict(tokens)
        self._file = file
        self._stamp = None if file is None else _stamp(file)
        self._turn = threading.Lock()

    def who(self, authorization: str | None) -> str | None:
        """Return the name of whoever sent an ``Authorization`` header; None where its token is nobody's.

        Every token is compared in full, so that the time tells nothing about them.
        """
        scheme, _, offered = (authorization or "").partition(" ")
        content = offered.strip().encode("utf-8", "surrogateescape")
        found = None
        for token, name in self._current().items():
            if hmac.compare_digest(token, content):
                found = name
        return found if scheme.lower() == "bearer" else None

    def _current(self) -> Mapping[bytes, str]:
        if self._file is None:
            return self._tokens
        with self._turn:
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._tokens = read_tokens(self._file)
                except SettingsInvalid as error:
                    # Half of a file may be there; those who were known stay known until it can be read.
                    logger.warning("%s The tokens stay what they were.", error.message)
            return self._tokens


def load_tokens(settings: Settings) -> Tokens | None:
    """Return the tokens that the settings name; None where they name none, and the admin API is off.

    Raises:
        SettingsInvalid: if the file of tokens cannot be read, or a line of it cannot be used.
    """
    if settings.admin_token is not None:
        return Tokens({settings.admin_token.get_secret_value().encode(): _UNNAMED})
    if settings.admin_token_file is not None:
        return Tokens(read_tokens(settings.admin_token_file), settings.admin_token_file)
    return None


def read_tokens(file: Path) -> dict[bytes, str]:
    """Return the tokens of a file, and whose they are: ``name:token`` lines, or one bare token.

    Empty lines and those that start with # are passed over.

    Raises:
        SettingsInvalid: naming the line, never what it says.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsInvalid(
            f"IDA_ADMIN_TOKEN_FILE: {file} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})."
        ) from error
    tokens: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, token = line.strip().partition(":")
        if not separator:
            name, token = _UNNAMED, line.strip()
        if not _NAME.fullmatch(name):
            raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: line {number} of {file} has no usable name before the colon.")
        if len(token) < _LEAST_LENGTH:
            raise SettingsInvalid(
                f"IDA_ADMIN_TOKEN_FILE: the token in line {number} of {file} has fewer than {_LEAST_LENGTH} characters."
            )
        if token.encode() in tokens:
            raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: line {number} of {file} repeats another line's token.")
        tokens[token.encode()] = name
    if not tokens:
        raise SettingsInvalid(
            f"IDA_ADMIN_TOKEN_FILE: {file} has no token. Write name:token in a line, or remove the setting."
        )
    return tokens


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
