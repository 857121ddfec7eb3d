"""What takes time to load before anybody is answered: the models, warmed, and what is served first."""

import logging
from dataclasses import dataclass

from service.activation.loading import BundleLoader
from service.activation.start import Started, start
from service.cpus import keep_libraries_to_one_thread, share_allocator_arenas, usable_cpus
from service.pipeline import FacePipeline, load_pipeline
from service.settings import Settings
from service.settings_in_force import unknown_variables
from service.snapshot.registry import Registry
from service.store.bundle_store import BundleStore, open_store
from service.store.local_copies import LocalCopies
from service.telemetry import Metrics
from service.verifier import AgreementMonitor, Verifier

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedService:
    """What takes time to load: the models, warmed, and what is served first.

    Attributes:
        pipeline: the models.
        store: of bundles and activations.
        copies: of bundles, on this machine.
        started: what is served first.
    """

    pipeline: FacePipeline
    store: BundleStore
    copies: LocalCopies
    started: Started

    def verifier(
        self,
        settings: Settings,
        registry: Registry | None = None,
        agreement: AgreementMonitor | None = None,
        metrics: Metrics | None = None,
    ) -> Verifier:
        """Return a verifier of what was loaded.

        Args:
            settings: whose face policy, operating point and quality policy hold where a request names none, and whose
                liveness policy holds where a request asks for no stricter one.
            registry: says what is served; None for what was loaded, in a program that swaps nothing.
            agreement: compares predicted densities with searched ones; None for nobody.
            metrics: where photographs are counted; None for nowhere.
        """
        return Verifier(
            pipeline=self.pipeline,
            registry=registry or Registry(self.started.loaded.snapshot),
            default_policy=settings.face_policy,
            default_point=settings.operating_point or None,
            default_quality=settings.quality_policy,
            liveness_policy=settings.liveness_policy,
            agreement=agreement,
            watch=None if metrics is None else metrics.observe_photograph,
        )


def load(settings: Settings, metrics: Metrics | None = None) -> LoadedService:
    """Load and warm the models, then load the newest anchors that can be served.

    Args:
        settings: the service's settings.
        metrics: where the sizes of batches and the use of the density cache are counted; None for nowhere.

    Raises:
        OperatorError: one of its kinds, saying what to do.
        BundleUnusable: one of its kinds, if the anchors cannot be served.
    """
    for problem in unknown_variables():
        logger.warning("%s", problem)
    keep_libraries_to_one_thread()
    share_allocator_arenas()
    # Workers times threads is the CPUs there are: more would only take turns.
    workers = settings.workers or usable_cpus()
    pipeline = load_pipeline(
        settings,
        threads=max(1, usable_cpus() // workers),
        observe=None if metrics is None else metrics.batch_size.observe,
    )
    pipeline.warm_up()
    store = open_store(settings.store_location, is_made=not settings.store)
    copies = LocalCopies(settings.cache_folder)
    started = start(bundle_loader(settings, pipeline, metrics), store, copies, settings.bundle)
    return LoadedService(pipeline, store, copies, started)


def bundle_loader(settings: Settings, pipeline: FacePipeline, metrics: Metrics | None) -> BundleLoader:
    """Return what loads bundles for the service, the use of the density cache counted where there are metrics."""
    return BundleLoader(settings, pipeline, None if metrics is None else metrics.count_lookups)
