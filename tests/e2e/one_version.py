"""What one version of the code does with a store, in a process of its own: the tests run two versions on one store.

    PYTHONPATH=ROOT/tests/unit/activation:ROOT/tests:ROOT python tests/e2e/one_version.py STORE HOME

It uses what the versions have in common: the replica that the tests of the activation make, and their made-up anchor
sets. Each line of standard input is a step:

- plain: push an anchor set without a calibration, and activate it;
- calibrated: the same with one;
- rollback: activate what was active before;
- follow: nothing but what follows each of them: a replica starts, looks at the store, and says what it serves.

What it says is printed as a line of JSON for each step. A replica is new for each, with copies of its own.
"""

import json
import sys
from pathlib import Path
from typing import Any

from calibrated_bundles import calibrated
from conftest import World


def served(world: World, name: str) -> dict[str, Any]:
    """Start a replica, let it look at the store, and return what it serves and what it finds there."""
    replica = world.replica(name)
    replica.follower.look()
    snapshot = replica.registry.current()
    reports = {found.replica: found for found in world.store.reports()}
    points = () if snapshot.calibrations is None else snapshot.calibrations.methods[0].points
    return {
        "bundle_id": snapshot.bundle_id,
        "generation": snapshot.generation,
        "thresholds": [point.threshold for point in points],
        "error_code": reports[name].error_code,
        "reports": {found: [report.generation, report.error_code] for found, report in reports.items()},
        "history": [[found.bundle_id, found.action] for found in world.store.activations()],
    }


def main() -> None:
    """Carry out the steps."""
    store, home = Path(sys.argv[1]), Path(sys.argv[2])
    home.mkdir()
    (home / "store").symlink_to(store)
    world = World(home)
    for number, step in enumerate(map(str.strip, iter(sys.stdin.readline, ""))):
        if step in ("plain", "calibrated"):
            folder = home / f"plain-{number}"
            bundle_id = world.make(folder, seed=sum(home.name.encode()) + number)
            if step == "calibrated":
                source, folder = folder, home / f"calibrated-{number}"
                bundle_id = calibrated(folder, source, pipeline_id=world.pipeline.pipeline_id)
            world.store.push(folder)
            world.activated(bundle_id)
        elif step == "rollback":
            newest = world.store.activation(world.store.newest_generation())
            assert newest is not None
            world.activated(newest.previous, action="rollback", restores=newest.generation - 1)
        print(json.dumps(served(world, f"{home.name}-{number}")), flush=True)


if __name__ == "__main__":
    main()
