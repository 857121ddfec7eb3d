"""The one command, ``ida-verify``: it only gathers the sub-commands, and imports the one that is asked for."""

from importlib import import_module
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

# Of each sub-command, where its function or its group of further ones is.
_COMMANDS = MappingProxyType(
    {
        "serve": ("models.commands.serve", "serve"),
        "check": ("models.commands.serve", "check"),
        "settings": ("models.commands.settings_command", "settings_command"),
        "verify": ("models.commands.verify_command", "verify"),
        "embed": ("models.commands.verify_command", "embed"),
        "replay": ("models.commands.replay", "replay"),
        "calibrate": ("models.commands.calibrate", "calibrate_bundle"),
        "evaluate": ("models.commands.evaluate", "evaluate_command"),
        "drift": ("models.commands.drift", "drift"),
        "paper": ("models.commands.paper", "paper_command"),
        "cache": ("models.commands.cache", "app"),
        "keys": ("models.commands.keys_command", "app"),
        "models": ("models.commands.packs", "app"),
        "anchors": ("models.commands.anchors", "app"),
        "ssr": ("models.commands.ssr", "app"),
        "pfe": ("models.commands.pfe", "app"),
        "liveness": ("models.commands.liveness_command", "app"),
    }
)


class _LazyGroup(TyperGroup):
    """Imports a sub-command when it is named: a service need not load the tools, which takes as long as it does."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the sub-commands, in the order of the help."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the sub-command of a name, None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        found = getattr(import_module(module), attribute)
        parent = typer.Typer(add_completion=False)
        parent.callback()(ida_verify)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=cmd_name)
        else:
            parent.command(cmd_name)(found)
        return get_group(parent).commands[cmd_name]


app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def ida_verify() -> None:
    """Face verification with scores calibrated by Inter-class Discrepancy Alignment."""


def main() -> None:
    """Run the command line."""
    from models.program import keep_font_list_in_cache  # noqa: PLC0415  (as little as possible before a command is known)

    keep_font_list_in_cache()
    app()
