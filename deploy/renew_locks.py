"""Resolve what the project depends on anew, and write deploy/locks.

    .venv/bin/python deploy/renew_locks.py [--upgrade] [cpu gpu …]

For each way to install the project a lock names every package's version and the digests of its files, for every
platform and Python from 3.11 on.

Without --upgrade a version that still fits pyproject.toml is kept. PyTorch is left out of the lock for training: its
builds for CPUs and for each CUDA have the same version and other digests. pyproject.toml names that version, and it
names those of the libraries it brings.
"""

import argparse
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LOCKS = REPOSITORY / "deploy" / "locks"
# The extras that each lock covers; none for the dependency group `build`. What the others share with the first, they
# have in its version: what is tested is what is shipped.
EXTRAS: dict[str, tuple[str, ...]] = {
    "cpu-dev": ("cpu", "dev", "otel"),
    "cpu": ("cpu",),
    "gpu": ("gpu",),
    "cpu-bench": ("cpu", "bench"),
    "cpu-dev-ray": ("cpu", "dev", "ray"),
    "cpu-dev-train": ("cpu", "dev", "train"),
    "build": (),
}
# What the lock for training leaves to pip.
UNLOCKED = ("torch", "triton")
_PREFIXES_UNLOCKED = ("nvidia-", "cuda-")
_OLDEST_PYTHON = "3.11"
_HEADER = "# Made by deploy/renew_locks.py; used by `pip install --require-hashes -r`.\n"


def resolve(name: str, *, upgrade: bool) -> None:
    """Write one lock.

    Raises:
        SystemExit: if nothing fits, with uv's reason.
    """
    path = LOCKS / f"{name}.txt"
    extras = EXTRAS[name]
    sources = ["pyproject.toml", *(f"--extra={extra}" for extra in extras)] if extras else ["--group=build"]
    options = ["--universal", f"--python-version={_OLDEST_PYTHON}", "--generate-hashes", "--no-header", "--quiet"]
    # Whoever installs chooses the index; the file says only what is to come from it.
    options += ["--no-emit-index-url", "--no-emit-find-links", "--no-config", "--no-annotate"]
    first = next(iter(EXTRAS))
    if name != first:
        options.append(f"--constraint={LOCKS / first}.txt")
    command = [sys.executable, "-m", "uv", "pip", "compile", *sources, *options, f"--output-file={path}"]
    if subprocess.run([*command, *(["--upgrade"] if upgrade else [])], cwd=REPOSITORY, check=False).returncode:
        raise SystemExit(f"{name}: no versions fit together, as said above.")
    entries = path.read_text("utf-8").replace("\\\n", "\\\0").splitlines()
    kept = [
        entry.replace("\\\0", "\\\n") for entry in entries if not entry.startswith("#") and not _unlocked(name, entry)
    ]
    path.write_text(_HEADER + "\n".join(kept) + "\n", encoding="utf-8")


def _unlocked(name: str, entry: str) -> bool:
    package = entry.partition("==")[0]
    return "train" in EXTRAS[name] and (package in UNLOCKED or package.startswith(_PREFIXES_UNLOCKED))


def main() -> None:
    """Renew the locks that are named, or all."""
    parser = argparse.ArgumentParser(description="Resolve the locks in deploy/locks anew.")
    parser.add_argument("names", nargs="*", metavar="LOCK", help=f"of {', '.join(EXTRAS)}; all if none is named")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    arguments = parser.parse_args()
    LOCKS.mkdir(exist_ok=True)
    for name in arguments.names or EXTRAS:
        resolve(name, upgrade=arguments.upgrade)
        lines = (LOCKS / f"{name}.txt").read_text("utf-8").splitlines()
        print(f"{name}: {sum(not line.startswith(('#', ' ')) for line in lines)} packages")


if __name__ == "__main__":
    main()
