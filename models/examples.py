"""The examples in the help of every command, and how they get there."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

FIRST_STEPS = (
    "ida-verify models pull",
    "ida-verify verify one.jpg other.jpg --picture out.png",
    "ida-verify serve --port 8000",
    "ida-verify --install-completion",
)

EXAMPLES = MappingProxyType(
    {
        "serve": ("ida-verify serve --port 8000", "IDA_OPERATING_POINT=fmr_1e-4 ida-verify serve --host 0.0.0.0"),
        "check": ("ida-verify check", "IDA_BUNDLE=my-bundle ida-verify check --json"),
        "settings": ("ida-verify settings", "ida-verify settings --json"),
        "verify": (
            "ida-verify verify one.jpg other.jpg",
            "ida-verify verify one.jpg other.jpg --operating-point fmr_1e-3 --picture out.png",
            "ida-verify verify now.jpg passport.jpg badge.jpg --unusable-pictures skip",
            "ida-verify verify one.jpg other.jpg --json > answer.json",
        ),
        "embed": ("ida-verify embed one.jpg", "ida-verify embed one.jpg --json > one.json"),
        "replay": (
            "ida-verify replay answer.json",
            "ida-verify replay answer.json --probe one.json --reference other.json --bundle default",
        ),
        "calibrate": (
            "ida-verify calibrate --bundle default --out calibrated --data people/",
            "ida-verify calibrate --bundle default --out calibrated --unlabelled visitors/",
        ),
        "evaluate": ("ida-verify evaluate people/", "ida-verify evaluate people/ --bundle default --html report.html"),
        "drift": ("ida-verify drift service.log", "ida-verify drift service.log --bundle default --json"),
        "paper": ("ida-verify paper --data people/ --html paper.html",),
        "cache list": ("ida-verify cache list",),
        "cache clear": ("ida-verify cache clear --dry-run", "ida-verify cache clear"),
        "keys new": ("ida-verify keys new shop", "ida-verify keys new shop --scope verify --per-second 20"),
        "keys list": ("ida-verify keys list keys.toml",),
        "models new": ("ida-verify models new backbone.onnx --out my-pack",),
        "models try": ("ida-verify models try my-pack --data people/",),
        "models remove": ("ida-verify models remove my-pack",),
        "models pull": ("ida-verify models pull", "ida-verify models pull liveness"),
        "models add": ("ida-verify models add my-pack", "ida-verify models add --insightface buffalo_l.zip"),
        "models list": ("ida-verify models list", "ida-verify models list --json"),
        "models verify": ("ida-verify models verify", "ida-verify models verify liveness"),
        "anchors generate": ("ida-verify anchors generate --generator generator.onnx --out faces --count 1000",),
        "anchors inspect": (
            "ida-verify anchors inspect default",
            "ida-verify anchors inspect my-bundle --probes photos/ --picture inspected.png",
        ),
        "anchors push": (
            "ida-verify anchors push my-bundle --token-file token",
            "id=$(ida-verify anchors push my-bundle)",
        ),
        "anchors activate": (
            "ida-verify anchors activate $id --dry-run",
            "ida-verify anchors activate $id --wait",
        ),
        "anchors rollback": ("ida-verify anchors rollback --wait", "ida-verify anchors rollback --to 0"),
        "anchors status": ("ida-verify anchors status", "ida-verify anchors status --url http://10.0.0.7:8001 --json"),
        "anchors keygen": ("ida-verify anchors keygen release",),
        "anchors sign": ("ida-verify anchors sign my-bundle --key release.key",),
        "anchors build": (
            "ida-verify anchors build --images faces/ --out my-bundle",
            "ida-verify anchors build --bundle default --bundle other --out both",
        ),
        "ssr train": ("ida-verify ssr train --bundle default --out with-ssr",),
        "pfe train": ("ida-verify pfe train --bundle default --out with-pfe --data people/",),
        "liveness evaluate": ("ida-verify liveness evaluate my-attacks --json > liveness.json",),
    }
)
"""Of each command, by its words, lines to copy."""


def as_epilog(examples: Sequence[str]) -> str:
    """Return examples as they stand at the end of a help, a line each."""
    return "\n".join(("Examples:", *examples))


def add_examples(command: Any, words: str) -> None:
    """Put the examples into the help of a command, and of those in it.

    Args:
        command: as typer makes it of a function or a group.
        words: what it is called by, without the program.
    """
    if words in EXAMPLES:
        command.epilog = as_epilog(EXAMPLES[words])
    for name, inner in getattr(command, "commands", {}).items():
        add_examples(inner, f"{words} {name}")
