"""A replica without HTTP: a store on a folder, a registry, and what follows the one with the other."""

from types import SimpleNamespace

import pytest
from fakes import fake_pipeline
from prometheus_client import CollectorRegistry
from small_bundles import small_bundle

from service.activation.follower import Follower
from service.activation.loading import BundleLoader
from service.activation.start import start
from service.activation.switch import Switch, describe
from service.settings import Settings
from service.snapshot.registry import Registry
from service.store.bundle_store import open_store
from service.store.local_copies import LocalCopies
from service.store.records import Activation, ReplicaReport, now
from service.telemetry import Metrics


class World:
    """One store, bundles to push into it, and replicas that follow it."""

    def __init__(self, folder):
        self.folder = folder
        self.pipeline = fake_pipeline(Settings(home=folder))
        self.store = open_store(str(folder / "store"))
        self.built_in = folder / "built-in"
        self.built_in_id = self.make(self.built_in, seed=99)

    def make(self, folder, seed=0, **options):
        options = {"backbone_id": self.pipeline.backbone_id, "embed": self.pipeline.embed, **options}
        return small_bundle(folder, seed=seed, **options)

    def pushed(self, seed, **options):
        """Push a new bundle and return its id."""
        folder = self.folder / f"bundle-{seed}"
        bundle_id = self.make(folder, seed, **options)
        self.store.push(folder)
        return bundle_id

    def activated(self, bundle_id, **more):
        """Write the next record, as another replica's administrator would; return its generation."""
        generation = self.store.newest_generation() + 1
        active = self.store.activation(generation - 1) if generation > 1 else None
        previous = None if active is None else active.bundle_id
        self.store.append(
            Activation(generation=generation, bundle_id=bundle_id, who="other", previous=previous, **more)
        )
        return generation

    def spoil(self, bundle_id):
        part = self.folder / "store" / "bundles" / bundle_id / "embeddings.npy"
        content = part.read_bytes()
        part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        return lambda: part.write_bytes(content)

    def replica(self, name="a", **settings):
        """Start a replica; it looks at the store when it is told to."""
        found = Settings(home=self.folder, bundle=self.built_in, **settings)
        metrics, clock = Metrics(CollectorRegistry()), SimpleNamespace(now=0.0)
        store, copies = open_store(str(self.folder / "store")), LocalCopies(self.folder / f"cache-{name}")
        loader = BundleLoader(found, self.pipeline)
        started = start(loader, store, copies, self.built_in)
        registry = Registry(started.loaded.snapshot)
        describe(metrics, started.loaded)
        switch = Switch(
            registry=registry, loader=loader, store=store, copies=copies, built_in=started.built_in, metrics=metrics
        )
        switch.remember(registry.current(), started.store_id)
        follower = Follower(
            registry=registry,
            switch=switch,
            store=store,
            metrics=metrics,
            report=ReplicaReport(
                replica=name,
                started=now(),
                version="1",
                backbone_id=loader.backbone_id,
                bundle_id=registry.current().bundle_id,
                generation=registry.current().generation,
                lagging=False,
                store_id=started.store_id,
                watch_interval=5,
            ),
            jitter=0,
            newest=started.newest_generation,
            store_id=started.store_id,
            clock=lambda: clock.now,
        )
        return SimpleNamespace(
            registry=registry,
            switch=switch,
            follower=follower,
            metrics=metrics,
            clock=clock,
            store=store,
            loader=loader,
        )


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)
