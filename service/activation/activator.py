"""Activating a bundle: loaded and checked here, written into the store for all replicas, and served."""

import logging
import threading
import time
from dataclasses import dataclass

from service.activation.decisions import losses, refusal, why_undecided
from service.activation.follower import Follower
from service.activation.going_back import BEFORE_ALL, generation_before, position
from service.activation.outcomes import ActivationResult, result_of
from service.activation.switch import Switch
from service.errors import ActivationInvalid, GenerationUnknown, IdaError, NothingToRollBack, StaleGeneration
from service.snapshot.snapshot import Snapshot
from service.store.bundle_store import BundleStore
from service.store.records import Action, Activation
from service.telemetry import Metrics

logger = logging.getLogger(__name__)

_CHOOSE = "Choose one of GET /admin/anchor-sets, and activate it."


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be activated; see ``Activator.activate`` and ``Activation``."""

    bundle_id: str
    expected_generation: int | None
    dry_run: bool
    allow_uncalibrated: bool
    who: str
    action: Action = "activate"
    restores: int | None = None


class Activator:
    """Changes which bundle of a store is active. Blocking; safe to use from several threads.

    Every method raises ``StoreUnavailable`` where the store cannot be reached.
    """

    def __init__(
        self,
        *,
        store: BundleStore,
        switch: Switch,
        follower: Follower,
        pipeline_id: str,
        metrics: Metrics,
        turn: threading.Lock,
    ) -> None:
        """Take what it works with.

        Args:
            store: where activations are written.
            switch: loads bundles and serves them.
            follower: told what was activated here.
            pipeline_id: the pipeline that is served, for which a calibration must hold.
            metrics: where refusals are counted.
            turn: held while what the store holds is changed.
        """
        self._store = store
        self._switch = switch
        self._follower = follower
        self._pipeline_id = pipeline_id
        self._metrics = metrics
        self._turn = turn

    def activate(
        self,
        bundle_id: str,
        *,
        expected_generation: int | None,
        dry_run: bool = False,
        allow_uncalibrated: bool = False,
        who: str,
    ) -> ActivationResult:
        """Load and check a bundle, make it the active one, and serve it.

        Asking for what is active already changes nothing. One at a time; what fails leaves all as it was.

        Args:
            bundle_id: a bundle of the store, or that of the settings, which is then put into the store.
            expected_generation: the newest generation that the administrator knows; None to take any.
            dry_run: whether to stop once the bundle is checked.
            allow_uncalibrated: whether it may be one by which requests lose decisions, or get none.
            who: the administrator's name, for the history.

        Raises:
            StaleGeneration: if the newest generation is another than expected.
            BundleUnknown: if there is no such bundle.
            BundleUncalibrated: if requests would lose decisions or methods that they get now, or get no decision at
                all, and that is not allowed.
            IdaError: of another kind, if it cannot be loaded or does not pass its checks.
        """
        return self._one_at_a_time(_Asked(bundle_id, expected_generation, dry_run, allow_uncalibrated, who))

    def rollback(
        self,
        *,
        expected_generation: int | None,
        to_generation: int | None = None,
        dry_run: bool = False,
        allow_uncalibrated: bool = False,
        who: str,
    ) -> ActivationResult:
        """Activate what was active before, each time further back, or what was as some generation.

        What was allowed without decisions then is allowed again. Nothing is compared with what is served, which is to
        be left.

        Args:
            expected_generation: as for ``activate``.
            to_generation: the generation to go back to, 0 for the bundle of the settings; None for that before the
                active one.
            dry_run: as for ``activate``.
            allow_uncalibrated: whether it may be a bundle by which no request gets a decision.
            who: as for ``activate``.

        Raises:
            NothingToRollBack: if nothing was active before, or nothing is.
            GenerationUnknown: if there is no such generation, or its record cannot be read.
            IdaError: of another kind, as ``activate`` says.
        """
        self._store.store_id()
        newest = self._store.newest_generation()
        bundle_id, restores, was_allowed = self._target(newest, to_generation)
        expected = newest if expected_generation is None else expected_generation
        allowed = allow_uncalibrated or was_allowed
        return self._one_at_a_time(_Asked(bundle_id, expected, dry_run, allowed, who, "rollback", restores))

    def _one_at_a_time(self, asked: _Asked) -> ActivationResult:
        try:
            with self._turn:
                return self._activate(asked)
        except IdaError:
            self._metrics.swaps.labels("refused").inc()
            raise

    def _activate(self, asked: _Asked) -> ActivationResult:
        began = time.perf_counter()
        store_id = self._store.store_id()
        newest = self._store.newest_generation()
        if asked.expected_generation is not None and asked.expected_generation != newest:
            raise StaleGeneration(
                f"The newest generation is {newest}, not {asked.expected_generation} as was expected. Look at GET "
                "/admin/activations for what changed, and ask again with the generation that you find there."
            )
        active, bundle_id = self._active(newest), asked.bundle_id
        previous = None if active is None else active.bundle_id
        # A newest record that cannot be read is mended by a newer one, of whatever bundle.
        is_changed = active is None or active.generation != newest or bundle_id != previous
        if bundle_id != self._switch.built_in_id or not is_changed:
            self._store.pushed_at(bundle_id)
        before = None if asked.action == "rollback" else self._switch.served
        loaded = self._switch.prepare(bundle_id, newest + is_changed, allow_uncalibrated=True)
        reasons = self._objections(before, loaded.snapshot)
        # Who asks for what is active already changes nothing, whatever was allowed when it became so.
        if reasons and is_changed and not asked.allow_uncalibrated:
            raise refusal(bundle_id, reasons)
        if asked.dry_run or not is_changed:
            return result_of(loaded, previous, newest, began, reasons, changed=False, dry_run=asked.dry_run)
        if self._switch.built_in is not None and bundle_id == self._switch.built_in_id:
            self._store.push(self._switch.built_in)
        record = Activation(
            generation=newest + 1,
            bundle_id=bundle_id,
            who=asked.who,
            previous=previous,
            action=asked.action,
            restores=asked.restores,
            allow_uncalibrated=asked.allow_uncalibrated,
        )
        self._store.append(record)
        self._switch.put(loaded, began, store_id or self._store.store_id())
        self._follower.saw(record.generation)
        self._follower.wake()
        signer = loaded.snapshot.signer
        told = record.model_dump(include={"generation", "who", "action", "restores"})
        told |= {"anchor_set_id": record.bundle_id, "signed_by": signer and signer.name}
        logger.info("an anchor set was activated", extra=told)
        if reasons:
            logger.warning("it was allowed although requests lose decisions: %s", "; ".join(reasons), extra=told)
        return result_of(loaded, previous, record.generation, began, reasons, changed=True, dry_run=False)

    def _objections(self, before: Snapshot | None, after: Snapshot) -> tuple[str, ...]:
        """Return what speaks against serving a snapshot: no decisions at all, or fewer than by the one before."""
        undecided = why_undecided(after, self._pipeline_id)
        if undecided is not None:
            return (f"no request would get a decision, since {undecided}",)
        return () if before is None else losses(before, after, self._pipeline_id)

    def _target(self, newest: int, to_generation: int | None) -> tuple[str, int, bool]:
        """Return the bundle that a rollback activates, the generation it restores, and whether that was allowed."""
        active = self._active(newest)
        if active is None:
            raise NothingToRollBack(f"No anchor set was ever activated. {_CHOOSE}")
        history, built_in_id = self._store.activations(), self._switch.built_in_id
        target = generation_before(active, history) if to_generation is None else to_generation
        if target == BEFORE_ALL and built_in_id is None:
            raise NothingToRollBack(
                "Before the first activation that of the settings was served, and there is none (IDA_BUNDLE). "
                f"{_CHOOSE}"
            )
        if target == BEFORE_ALL and built_in_id is not None:
            if to_generation is None and built_in_id == active.bundle_id:
                target = None
            else:
                return built_in_id, BEFORE_ALL, False
        if target is None:
            raise NothingToRollBack(f"No anchor set was active before this one. {_CHOOSE}")
        record = next((found for found in history if found.generation == target), None)
        if record is None:
            raise GenerationUnknown(
                f"There is no generation {target} that can be gone back to; the newest is {newest}. Look at GET "
                "/admin/activations for those there are; 0 is the anchor set of the settings."
            )
        return record.bundle_id, position(record, history), record.allow_uncalibrated

    def _active(self, newest: int) -> Activation | None:
        """Return the newest record that can be read; None where there is none."""
        try:
            return self._store.activation(newest) if newest else None
        except ActivationInvalid:
            return next(iter(self._store.activations()), None)
