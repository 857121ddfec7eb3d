"""The keys that are known now: read again when their file changes, and nobody's while it cannot be read."""

import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.api.access.key_file import ApiKey, digest_of, read_keys
from service.api.access.key_limits import KeyUse
from service.api.problems import KeysUnavailable, KeyUnknown
from service.api.tokens import file_stamp, offered
from service.errors import SettingsInvalid

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, and what of its limits is used."""

    key: ApiKey
    use: KeyUse


class KeyRing:
    """Knows the callers by their keys.

    A thread looks at the file every second, so that a request costs a digest and a look into a dictionary, and a key is
    given, changed or taken away without a restart. While the file cannot be read, or anything in it cannot be used,
    every caller is refused: a key that was taken out must not stay known because a line beside it is damaged.

    ``known`` is called in the event loop's thread; what it looks at is replaced whole by the other one.
    """

    def __init__(
        self,
        file: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_use: Callable[[], KeyUse] = KeyUse,
    ) -> None:
        """Read the file.

        Args:
            file: of keys.
            now: the time, with its offset.
            make_use: makes what counts a caller's requests.

        Raises:
            SettingsInvalid: as ``read_keys`` says.
        """
        self._file = file
        self._now = now
        self._make_use = make_use
        self._stamp = file_stamp(file)
        self._uses: dict[str, KeyUse] = {}
        self._known = self._by_digest(read_keys(file))
        self._problem: str | None = None
        self._listener: Callable[[bool], None] = lambda _: None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, name="keys", daemon=True)

    @property
    def is_readable(self) -> bool:
        """Whether callers are known; False while the file cannot be used."""
        return self._problem is None

    def known(self, authorization: str | None) -> KnownKey:
        """Return whose key an ``Authorization`` header has.

        The dictionary is asked by the digest of what was sent, which nobody can steer towards another digest: how long
        that takes tells nothing of any key. The one that is found is compared in full, whatever it is.

        Raises:
            KeysUnavailable: if nobody is known, since the file cannot be used.
            KeyUnknown: if there is no key, or nobody's, or one that has expired.
        """
        if self._problem is not None:
            raise KeysUnavailable(
                "The service cannot read its file of keys, and answers nobody until that is mended. Tell its operator."
            )
        content = offered(authorization)
        if content is None:
            raise KeyUnknown("This service asks for a key: send it as Authorization: Bearer KEY.")
        digest = digest_of(content.decode("utf-8", "surrogateescape"))
        found = self._known.get(digest)
        if found is None or not hmac.compare_digest(found.key.sha256, digest):
            raise KeyUnknown("The key is not known here. Ask the operator for one.")
        if found.key.is_expired(self._now()):
            raise KeyUnknown(f"The key of {found.key.name} has expired. Ask the operator for another.")
        return found

    def start(self, listener: Callable[[bool], None]) -> None:
        """Look at the file from now on, until ``close``.

        Args:
            listener: told, in the thread that looks, when the file can be read no more or again.
        """
        self._listener = listener
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Read the file again if it changed, or could not be read when it was looked at last."""
        stamp = file_stamp(self._file)
        if stamp == self._stamp and self._problem is None:
            return
        self._stamp = stamp
        try:
            keys = read_keys(self._file)
        except SettingsInvalid as error:
            if error.message != self._problem:
                logger.error("%s Every caller is refused until that is mended.", error.message)
            self._problem = error.message
            self._known = {}
            self._listener(False)
            return
        self._known = self._by_digest(keys)
        logger.info("the file of keys was read again", extra={"keys": len(keys)})
        if self._problem is not None:
            self._problem = None
            self._listener(True)

    def _look_again_and_again(self) -> None:
        while not self._ending.wait(_SECONDS_BETWEEN_LOOKS):
            self.look()

    def _by_digest(self, keys: tuple[ApiKey, ...]) -> Mapping[str, KnownKey]:
        # By the name: a caller who changes its key goes on where it was.
        self._uses = {key.name: self._uses.get(key.name) or self._make_use() for key in keys}
        return {key.sha256: KnownKey(key, self._uses[key.name]) for key in keys}
