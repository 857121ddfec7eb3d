"""The one command, ``ida-verify``: it only gathers the sub-commands, and imports the one that is asked for."""

import sys
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

# Of each sub-command: where its function or its group of further ones is, and what the list of commands says of it.
_COMMANDS = MappingProxyType(
    {
        "serve": ("models.commands.serve", "serve", "Answer /verify and /embed over HTTP."),
        "check": (
            "models.commands.serve",
            "check",
            "Load everything as a start does, and say what would be served and whether it decides.",
        ),
        "settings": (
            "models.commands.settings_command",
            "settings_command",
            "Print every setting in force and where it comes from.",
        ),
        "verify": (
            "models.commands.verify_command",
            "verify",
            "Compare the face of a photograph with that of another, or of several of one person.",
        ),
        "embed": ("models.commands.verify_command", "embed", "Print the embedding of the face of a photograph."),
        "replay": (
            "models.commands.replay",
            "replay",
            "Compute a kept answer of /verify again, and say what differs.",
        ),
        "calibrate": (
            "models.commands.calibrate",
            "calibrate_bundle",
            "Measure thresholds on your own people; write a new anchor bundle.",
        ),
        "evaluate": (
            "models.commands.evaluate",
            "evaluate_command",
            "Measure every scoring method on labelled faces.",
        ),
        "drift": (
            "models.commands.drift",
            "drift",
            "Say from logs whether a service still sees the people of its calibration.",
        ),
        "paper": ("models.commands.paper", "paper_command", "Try the claims of the IDA paper on labelled faces."),
        "cache": ("models.commands.cache", "app", "List and delete the embeddings that the tools keep."),
        "keys": ("models.commands.keys_command", "app", "Make the keys by which callers are known."),
        "models": ("models.commands.packs", "app", "Pull, list, verify, add and remove model packs."),
        "anchors": (
            "models.commands.anchors",
            "app",
            "Build and inspect anchor bundles, and activate them in a running service.",
        ),
        "ssr": ("models.commands.ssr", "app", "Train the head that predicts densities (IDA-L)."),
        "pfe": ("models.commands.pfe", "app", "Train the head that tells how sure an embedding is (PFE)."),
        "liveness": ("models.commands.liveness_command", "app", "Measure the liveness part on your own attacks."),
    }
)


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
        "anchors delete": ("ida-verify anchors delete 3f9c2a7d10b4e856",),
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


class _LazyGroup(TyperGroup):
    """Imports a sub-command when it is named: a service need not load the tools, which takes as long as it does."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Names and a line each, for the list, completion and suggestions; no command is imported for these.
        self.commands = {name: TyperCommand(name=name, help=told) for name, (_, _, told) in _COMMANDS.items()}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the sub-command of a name, None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        found = getattr(import_module(module), attribute)
        parent = typer.Typer(add_completion=False)
        parent.callback()(ida_verify)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=cmd_name)
        else:
            parent.command(cmd_name)(found)
        command = get_group(parent).commands[cmd_name]
        add_examples(command, cmd_name)
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help with the list of commands."""
        self._listing().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return what may stand in a command's place."""
        ctx.command = self._listing()
        return ctx.command.shell_complete(ctx, incomplete)

    def _listing(self) -> TyperGroup:
        """Return this group with commands of which only a line is known."""
        return TyperGroup(
            name=self.name,
            commands=dict(self.commands),
            params=self.params,
            help=self.help,
            epilog=as_epilog(FIRST_STEPS),
        )


app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        from models.program import created_by, revision  # noqa: PLC0415  (as little as possible before a command)

        typer.echo(f"{created_by()}{revision()}")
        raise typer.Exit


@app.callback()
def ida_verify(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Face verification with scores calibrated by Inter-class Discrepancy Alignment.

    Exit codes of all commands: 0 done, 1 not done, with the reason in a line, 2 a wrong command line, 130 interrupted.
    Some have more, which their help tells. Results are written to standard output, all else to standard error.
    """


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] and not sys.argv[1].startswith("-"):  # a command, which may draw; --help and --version are quick
        from models.program import keep_font_list_in_cache  # noqa: PLC0415

        keep_font_list_in_cache()
    app()
