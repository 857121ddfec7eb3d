"""The one command, ``ida-verify``: it only gathers the sub-commands, and imports the one that is asked for."""

import sys
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from models.examples import FIRST_STEPS, add_examples, as_epilog
from models.program import created_by, keep_font_list_in_cache

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
        typer.echo(created_by())
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
        keep_font_list_in_cache()
    app()
