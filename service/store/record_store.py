"""The records of a store: its identity, every activation, and what each replica last said of itself."""

import json
import logging
import secrets
from contextlib import suppress

from service.documents import Limits, ModelT, Unreadable, parse_document
from service.errors import ActivationInvalid, StaleGeneration, StoreInvalid, StoreUnavailable
from service.store.layout import IDENTITY, activation_of, generation_of, report_of
from service.store.objects import ObjectExists, Objects, ObjectTooLarge
from service.store.records import Activation, Identity, ReplicaReport

logger = logging.getLogger(__name__)

_FORMAT = 1
# A report quotes an error, whose text has commas and colons too.
_RECORD = Limits(64 * 1024, max_objects=64, max_arrays=64, max_values=2000)


class RecordStore:
    """Records that replicas share. Safe to use from several threads and processes.

    Every method raises ``StoreUnavailable`` where the store cannot be reached or refuses.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: str | None = None
        self.url = objects.url

    def expect(self, store_id: str | None) -> None:
        """Take for granted which store this is, from an earlier time."""
        self._known = store_id

    def store_id(self) -> str | None:
        """Return the store's id; None while nothing was ever written to it.

        Raises:
            StoreInvalid: if what lies there is no store, or one of another format.
            StoreUnavailable: also if it had another id before: an unmounted folder looks like an empty store.
        """
        found = self._identity()
        if self._known is not None and found != self._known:
            raise StoreUnavailable(
                f"The store {self.url} is not the one that was there: its id was {self._known} and is "
                f"{found or 'gone'}. Mount or restore it; to follow another, restart the replicas with an empty "
                "IDA_CACHE."
            )
        self._known = found
        return found

    def _identity(self) -> str | None:
        try:
            identity = self._document(IDENTITY, Identity)
        except Unreadable as error:
            raise StoreInvalid(
                f"{IDENTITY} of the store {self.url} cannot be read: this is no store of bundles ({error})."
            ) from error
        if identity is None:
            return None
        if identity.format != _FORMAT:
            raise StoreInvalid(f"The store {self.url} has the format {identity.format}, this version reads {_FORMAT}.")
        return identity.store_id

    def newest_generation(self) -> int:
        """Return the highest generation that was activated; 0 where there is none."""
        return max(self._generations(), default=0)

    def activation(self, generation: int) -> Activation | None:
        """Return the record of a generation; None where it is not there.

        Raises:
            ActivationInvalid: if the record cannot be read.
        """
        try:
            record = self._document(activation_of(generation), Activation)
        except Unreadable as error:
            raise ActivationInvalid(
                f"The record of generation {generation} in the store {self.url} cannot be read: activate a bundle anew."
            ) from error
        if record is None:
            return None
        if record.generation != generation:
            raise ActivationInvalid(
                f"The record of generation {generation} in the store {self.url} says {record.generation}: activate "
                "another bundle."
            )
        return record

    def activations(self, limit: int | None = None) -> tuple[Activation, ...]:
        """Return the newest activations, newest first; what cannot be read is left out and logged."""
        found = []
        for generation in sorted(self._generations(), reverse=True)[:limit]:
            try:
                record = self.activation(generation)
            except ActivationInvalid as error:
                logger.warning("%s", error.message)
                continue
            if record is not None:
                found.append(record)
        return tuple(found)

    def append(self, activation: Activation) -> None:
        """Make a bundle the active one: write the record of a generation that is not there yet.

        Raises:
            StaleGeneration: if another record of this generation is there.
            StorageFull: if the store has no room.
        """
        self.claim()
        name = activation_of(activation.generation)
        try:
            self._objects.create(name, activation.model_dump_json(indent=2).encode())
        except ObjectExists as error:
            # A request that was sent again after its answer got lost finds what it wrote itself.
            if not self._is_written(activation):
                raise StaleGeneration(
                    f"Generation {activation.generation} was activated by another administrator meanwhile. Look at "
                    "what is active now, and ask again."
                ) from error
        except StoreUnavailable:
            # The record may have been written although its answer never came.
            if not self._is_written(activation):
                raise

    def report(self, report: ReplicaReport) -> None:
        """Write what a replica says of itself, over what it said before."""
        self._objects.put(report_of(report.replica), report.model_dump_json(indent=2).encode())

    def reports(self) -> tuple[ReplicaReport, ...]:
        """Return what every replica last said of itself, by name; what cannot be read is left out and logged."""
        found = []
        for name in sorted(self._objects.names("replicas")):
            try:
                report = self._document(name, ReplicaReport)
                found += [] if report is None else [report]
            except Unreadable:
                logger.warning("%s of the store %s is no report of a replica", name, self.url)
        return tuple(found)

    def forget(self, replica: str) -> None:
        """Remove what a replica said of itself."""
        self._objects.delete(report_of(replica))

    def claim(self) -> None:
        """Give the store its id, if it has none."""
        if self.store_id() is None:
            identity = {"format": _FORMAT, "store_id": secrets.token_hex(16)}
            with suppress(ObjectExists):  # another process gave it one meanwhile
                self._objects.create(IDENTITY, json.dumps(identity).encode())
            self.store_id()

    def _document(self, name: str, model: type[ModelT]) -> ModelT | None:
        """Return what a small object says; None where it is not there.

        Raises:
            Unreadable: if it is none.
        """
        try:
            content = self._objects.get(name, max_bytes=_RECORD.max_bytes)
        except ObjectTooLarge as error:
            raise Unreadable(str(error)) from error
        return None if content is None else parse_document(model, content, _RECORD)

    def _is_written(self, activation: Activation) -> bool:
        try:
            found = self.activation(activation.generation)
        except ActivationInvalid:
            return False
        return found is not None and found.nonce == activation.nonce

    def _generations(self) -> list[int]:
        found = [generation_of(name) for name in self._objects.names("activations")]
        return [generation for generation in found if generation is not None]
