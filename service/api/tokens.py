"""The administrators' tokens: who sent one, what he may, and nothing else about it."""

import hmac
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from service.errors import SettingsInvalid
from service.settings import Settings

logger = logging.getLogger(__name__)

TokenRole = Literal["read", "write"]

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LEAST_LENGTH = 16
_UNNAMED = "admin"
_FILE_BYTES_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who sent a token.

    Attributes:
        name: as the file of tokens says.
        role: ``read`` may look at everything, ``write`` may change it too.
    """

    name: str
    role: TokenRole = "write"


class Tokens:
    """Knows the administrators by their tokens. Safe to use from several threads.

    A file of tokens is read again when it changes, so that a token is replaced or revoked without a restart. While it
    cannot be read, or a line of it cannot be used, nobody is known.
    """

    def __init__(self, tokens: Mapping[bytes, Administrator], file: Path | None = None) -> None:
        """Take tokens and whose they are.

        Args:
            tokens: the owner of each token.
            file: the file that they came from.
        """
        self._tokens = dict(tokens)
        self._file = file
        self._stamp = None if file is None else file_stamp(file)
        self._problem: str | None = None
        self._turn = threading.Lock()

    def who(self, authorization: str | None) -> Administrator | None:
        """Return whoever sent an ``Authorization`` header; None where its token is nobody's.

        Every token is compared in full, so that the time tells nothing about them.
        """
        content = offered(authorization)
        found = None
        for token, administrator in self._current().items():
            if content is not None and hmac.compare_digest(token, content):
                found = administrator
        return found

    def _current(self) -> Mapping[bytes, Administrator]:
        if self._file is None:
            return self._tokens
        with self._turn:
            stamp = file_stamp(self._file)
            # What could not be read may be readable now, although the file is as it was.
            if stamp != self._stamp or self._problem is not None:
                self._stamp = stamp
                self._read_again(self._file)
            return self._tokens

    def _read_again(self, file: Path) -> None:
        try:
            self._tokens = read_tokens(file)
        except SettingsInvalid as error:
            # A token that was taken out of the file must not be known any more because the rest of it is damaged.
            self._tokens = {}
            if error.message != self._problem:
                logger.error("%s No token is known until that is mended.", error.message)
            self._problem = error.message
            return
        if self._problem is not None:
            logger.info("the file of tokens can be read again")
        self._problem = None

    @property
    def knows_nobody(self) -> bool:
        """Whether no token is known, because the file of them cannot be used."""
        return not self._tokens


def offered(authorization: str | None) -> bytes | None:
    """Return the token of an ``Authorization`` header; None where it holds none."""
    scheme, _, token = (authorization or "").partition(" ")
    content = token.strip().encode("utf-8", "surrogateescape")
    return content if scheme.lower() == "bearer" and content else None


def load_tokens(settings: Settings) -> Tokens | None:
    """Return the tokens that the settings name; None where they name none, and the admin API is off.

    Raises:
        SettingsInvalid: if the file of tokens cannot be read, or a line of it cannot be used.
    """
    if settings.admin_token is not None:
        return Tokens({settings.admin_token.get_secret_value().encode(): Administrator(_UNNAMED)})
    if settings.admin_token_file is not None:
        return Tokens(read_tokens(settings.admin_token_file), settings.admin_token_file)
    return None


def read_tokens(file: Path) -> dict[bytes, Administrator]:
    """Return the tokens of a file, and whose they are.

    A line is ``name:role:token``, ``name:token`` for one that may write, or one bare token. Empty lines and those that
    start with # are passed over.

    Raises:
        SettingsInvalid: naming the line, never what it says.
    """
    tokens: dict[bytes, Administrator] = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        administrator, token = _parsed(line.strip(), f"line {number} of {file}")
        if token in tokens:
            raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: line {number} of {file} repeats another line's token.")
        tokens[token] = administrator
    if not tokens:
        raise SettingsInvalid(
            f"IDA_ADMIN_TOKEN_FILE: {file} has no token. Write name:token in a line, or remove the setting."
        )
    return tokens


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_FILE_BYTES_LIMIT + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsInvalid(
            f"IDA_ADMIN_TOKEN_FILE: {file} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})."
        ) from error
    if len(content) > _FILE_BYTES_LIMIT:
        raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: {file} has more than {_FILE_BYTES_LIMIT} bytes.")
    return text


def _parsed(line: str, where: str) -> tuple[Administrator, bytes]:
    name, separator, token = line.partition(":")
    if not separator:
        name, token = _UNNAMED, line
    if not _NAME.fullmatch(name):
        raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: {where} has no usable name before the colon.")
    role: TokenRole = "write"
    if ":" in token:
        said, _, token = token.partition(":")
        # Taken for a part of the token, a role that is misspelt would give no role at all.
        found = next((known for known in get_args(TokenRole) if known == said), None)
        if found is None:
            raise SettingsInvalid(
                f"IDA_ADMIN_TOKEN_FILE: {where} has no known role between its colons: write name:read:token, "
                "name:write:token or name:token."
            )
        role = found
    if len(token) < _LEAST_LENGTH:
        raise SettingsInvalid(f"IDA_ADMIN_TOKEN_FILE: the token in {where} has fewer than {_LEAST_LENGTH} characters.")
    return Administrator(name, role), token.encode()


def file_stamp(file: Path) -> tuple[int, int, int, int] | None:
    """Return what changes with a file's content, or with the rights to it; None where it cannot be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    # The last changes with the rights to the file, too.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
