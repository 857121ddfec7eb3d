"""What a replica serves when it starts: the newest activation that passes its checks, or what it served last."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.activation.built_in import BuiltIn, built_in_of
from service.activation.decisions import require_decisions, unjudged_forms, why_undecided, why_unjudged
from service.activation.loading import BundleLoader, LoadedSnapshot, load_stored
from service.errors import IdaError, StoreUnavailable
from service.snapshot.snapshot import without_anchor_set
from service.store.bundle_store import BundleStore
from service.store.local_copies import LastGood, LocalCopies
from service.store.records import Activation

logger = logging.getLogger(__name__)

# Different bundles that are tried; who keeps no more than five need not try more.
_MOST_BUNDLES = 5


@dataclass(frozen=True, slots=True)
class Started:
    """What a start found.

    Attributes:
        loaded: what is served.
        newest_generation: the newest generation of the store, as far as it is known.
        store_id: the store that it came from; None while that has none.
        built_in: the bundle of the settings.
    """

    loaded: LoadedSnapshot
    newest_generation: int
    store_id: str | None
    built_in: BuiltIn


def start(loader: BundleLoader, store: BundleStore, copies: LocalCopies, bundle: Path) -> Started:
    """Load what a replica begins with.

    That is the newest activation of the store that loads and passes its checks; where none does, or nothing was ever
    activated, the bundle of the settings, or cosine alone where they have none; and where the store is away, what was
    served here last. A bundle by which no request gets a decision is served where an administrator allowed it or the
    settings name it, with a warning.

    Args:
        loader: loads bundles.
        store: the store.
        copies: of bundles, on this machine.
        bundle: ``IDA_BUNDLE``.

    Raises:
        StoreUnavailable: if the store is away and nothing was served here before.
        IdaError: of another kind, if the bundle of the settings is needed and cannot be loaded.
    """
    built_in = built_in_of(bundle, loader.backbone_id)
    last = copies.remembered()
    if last is not None and last.store == store.url:
        store.expect(last.store_id)
    try:
        store_id = store.store_id()
        newest = store.newest_generation()
        history = store.activations() if newest else ()
        found = _newest(history, newest, _loads(loader, store, copies, built_in))
    except StoreUnavailable as error:
        started = _remembered(loader, copies, last, built_in, error)
    else:
        started = Started(found or _built_in(loader, built_in), newest, store_id, built_in)
        if found is not None and built_in.bundle_id is None:
            logger.warning(
                "there is no bundle in %s (IDA_BUNDLE); generation %s is served, and before the first "
                "activation there is nothing to go back to",
                built_in.folder or "the settings",
                found.snapshot.generation,
            )
    reason = why_undecided(started.loaded.snapshot, loader.pipeline_id)
    if started.loaded.snapshot.no_anchor_set is not None:
        logger.warning("NO DECISIONS: %s", reason)
    elif reason is not None:
        logger.warning("no request gets a decision by the anchor set that is served: %s", reason)
    unjudged = why_unjudged(started.loaded.snapshot, loader.pipeline_id)
    if unjudged_forms(started.loaded.snapshot, loader.pipeline_id):
        logger.warning("decisions rest on scores alone, since quality is not judged: %s", unjudged)
    elif unjudged is not None:
        logger.info("of the measures of quality, some have no limit: %s", unjudged)
    return started


def _built_in(loader: BundleLoader, built_in: BuiltIn) -> LoadedSnapshot:
    if built_in.folder is None:
        return LoadedSnapshot(without_anchor_set(built_in.why_none or "no anchor set is served"), None, {})
    return loader.load(built_in.folder, generation=0)


def _newest(
    history: tuple[Activation, ...], newest: int, load: Callable[[Activation], LoadedSnapshot]
) -> LoadedSnapshot | None:
    tried: dict[str, str] = {}
    for record in history:
        if record.bundle_id in tried:
            continue
        if len(tried) == _MOST_BUNDLES:
            break
        try:
            loaded = load(record)
        except StoreUnavailable:
            raise
        except IdaError as error:
            tried[record.bundle_id] = error.message
            logger.error("generation %s cannot be served: %s", record.generation, error.message)
            continue
        if record.generation < newest:
            logger.error("serving generation %s, the newest that can be; %s is active", record.generation, newest)
        return loaded
    if history:
        logger.error(
            "no activated bundle can be served, the anchor set of the settings is; generation %s is active", newest
        )
    return None


def _loads(
    loader: BundleLoader, store: BundleStore, copies: LocalCopies, built_in: BuiltIn
) -> Callable[[Activation], LoadedSnapshot]:
    def load(record: Activation) -> LoadedSnapshot:
        if built_in.folder is not None and record.bundle_id == built_in_id:
            loaded = loader.load(built_in.folder, record.generation)
        else:
            loaded = load_stored(loader, store, copies, record.bundle_id, record.generation)
        if not record.allow_uncalibrated:
            require_decisions(loaded.snapshot, loader.pipeline_id)
        return loaded

    built_in_id = built_in.bundle_id
    return load


def _remembered(
    loader: BundleLoader, copies: LocalCopies, last: LastGood | None, built_in: BuiltIn, away: StoreUnavailable
) -> Started:
    folder = None
    if last is not None:
        folder = built_in.folder if last.bundle_id == built_in.bundle_id else copies.held(last.bundle_id)
    if last is None or folder is None:
        lacking = (
            "No bundle was served here before, so there is none to fall back on"
            if last is None
            else f"What was served here last, {last.bundle_id}, is not on this machine any more (IDA_CACHE, IDA_BUNDLE)"
        )
        raise StoreUnavailable(f"{away.message} {lacking}: start again when the store can be reached.") from away
    logger.error("the store is away, serving generation %s as before: %s", last.generation, away.message)
    return Started(loader.load(folder, last.generation), last.generation, last.store_id, built_in)
