"""Swap anchor sets under load in every way that may go wrong, and count what users would have noticed.

    IDA_HOME=... python tests/e2e/hot_swap.py [--replicas 3] [--swaps 200] [--store folder|s3] [--anchors 4000]
        [--per-second 40] [--pause 0.5] [--away 8] [--only NAME,...] [--json FILE]

Replicas run as processes on one store behind nginx, with the configuration that is deployed, under a steady load of
pairs whose scores under each bundle are known. IDA_HOME holds the default pack. The store is a folder, or moto's S3
server. The scenarios are: swaps, race, killed, away, corrupt (folder only), full (as root: it mounts a small disk).
Exit code 1 if a request failed, an answer's score fitted no bundle or not the one that it named, or a scenario did not
end as it should.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e import scenarios
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet, free_port, until
from e2e.steady_load import Pairs, SteadyLoad, make_pairs, scored

from service.pipeline import FacePipeline

SCENARIOS = ("swaps", "race", "killed", "away", "corrupt", "full")
# Kilobytes for each anchor of a bundle: room for the copies of some, not for an upload of 48 times the anchors, each of
# which has 128 values of two bytes.
_SMALL_DISK = 10
_LARGE = 48


def start_s3(folder: Path) -> tuple["subprocess.Popen[bytes]", dict[str, str], str]:
    """Start moto's S3 server; return its process, the variables that lead to it, and the store's URL."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    with (folder / "s3.log").open("ab") as log:
        server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def make_bucket() -> bool:
        try:
            direct.open(urllib.request.Request(f"{url}/anchors", method="PUT"), timeout=5).close()
        except OSError:
            return False
        return True

    until(make_bucket, "the S3 server answers")
    variables = {
        "AWS_ENDPOINT": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return server, variables, "s3://anchors/ida"


def run(options: argparse.Namespace, home: Path, folder: Path) -> dict[str, Any]:
    """Run the scenarios and return what was counted."""
    pipeline = pipeline_of(home)
    folders = [folder / f"bundle-{number}" for number in range(3)]
    ids = [make_bundle(path, pipeline, anchors=options.anchors, seed=number) for number, path in enumerate(folders)]
    pairs = make_pairs(folders, pipeline.backbone_id, pipeline.dimension)
    only = options.only.split(",") if options.only else SCENARIOS
    with ExitStack() as stack:
        server, variables, store = None, {}, str(folder / "store")
        if options.store == "s3":
            server, variables, store = start_s3(folder)
            stack.callback(server.wait)
            stack.callback(server.terminate)
        fleet = Fleet(folder)
        stack.callback(fleet.close)
        for _ in range(options.replicas):
            fleet.add(store, home, **variables)
        disk = None
        if "full" in only:
            disk = _mount_small_disk(folder, options.anchors, stack)
            if disk is not None:
                fleet.replicas[-1].environment["IDA_CACHE"] = str(disk)
        fleet.start()
        fleet.start_proxy()
        for path, bundle_id in zip(folders, ids, strict=True):
            scenarios.push(fleet, path, bundle_id)
        status, answer = fleet.activate(ids[0])
        assert status == 200, answer
        fleet.follow(1)
        return _under_load(options, only, fleet, pipeline, pairs, ids, folders, store, server, disk)


def _under_load(
    options: argparse.Namespace,
    only: list[str] | tuple[str, ...],
    fleet: Fleet,
    pipeline: FacePipeline,
    pairs: Pairs,
    ids: list[str],
    folders: list[Path],
    store: str,
    server: "subprocess.Popen[bytes] | None",
    disk: Path | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with SteadyLoad(fleet.url, pairs, threads=options.threads, per_second=options.per_second) as load:
        if "swaps" in only:
            found["swaps"] = scenarios.swaps(fleet, load, [ids[1], ids[0]], options.swaps, options.pause)
        if "race" in only:
            found["race"] = scenarios.race(fleet, ids)
        if "killed" in only:
            found["killed"] = scenarios.killed_in_a_swap(fleet, [ids[2]])
        if "away" in only and server is None:
            found["away"] = scenarios.folder_store_away(fleet, Path(store), ids, options.away)
        elif "away" in only and server is not None:
            found["away"] = scenarios.server_store_away(fleet, server, ids, options.away)
        if "corrupt" in only and server is None:
            # Never loaded by the other replicas, whose copies would otherwise be sound.
            fresh = folders[0].with_name("bundle-fresh")
            bundle_id = make_bundle(fresh, pipeline, anchors=options.anchors, seed=9)
            pairs.scores.update([scored(fresh, pairs.faces, pipeline.backbone_id)])
            scenarios.push(fleet, fresh, bundle_id)
            spoil = Path(store) / "bundles" / bundle_id / "embeddings.npy"
            found["corrupt"] = scenarios.corrupt_bundle(fleet, spoil, bundle_id)
        if "full" in only and disk is not None:
            large = folders[0].with_name("bundle-large")
            bundle_id = make_bundle(large, pipeline, anchors=_LARGE * options.anchors, seed=8)
            found["full"] = scenarios.full_disk(fleet, large, bundle_id, disk)
    seen = load.seen
    return {
        "store": options.store,
        "replicas": options.replicas,
        "anchors": options.anchors,
        "scenarios": found,
        "requests": len(seen.seconds),
        "failures": len(seen.failures),
        "mixed_answers": len(seen.mixed),
        "cut_off_and_sent_again": seen.cut_off,
        "generations_seen": len(set(seen.generations)),
        "examples": [*seen.failures[:5], *seen.mixed[:5]],
    }


def _mount_small_disk(folder: Path, anchors: int, stack: ExitStack) -> Path | None:
    disk = folder / "small-disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK * anchors}k", "tmpfs", disk],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        print(f"left out: full, no disk can be mounted here ({mounted.stderr.decode().strip()})", file=sys.stderr)
        return None
    stack.callback(subprocess.run, ["umount", "-l", disk], check=False)
    return disk


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--store", choices=["folder", "s3"], default="folder")
    parser.add_argument("--anchors", type=int, default=4000)
    parser.add_argument("--per-second", type=float, default=40)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.5, metavar="SECONDS", help="after each swap")
    parser.add_argument("--away", type=float, default=8, metavar="SECONDS", help="that the store stays away")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home = Path(os.environ["IDA_HOME"])
    folder = Path(tempfile.mkdtemp(prefix="ida-hot-swap-"))
    try:
        result = run(options, home, folder)
    finally:
        for log in sorted(folder.glob("replica-*.log")):
            print(f"== {log.name}\n{log.read_text()[-2000:]}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["failures"] or result["mixed_answers"] else 0


if __name__ == "__main__":
    sys.exit(main())
