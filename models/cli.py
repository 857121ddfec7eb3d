"""The one command, ``ida-verify``: it only gathers the sub-commands."""

import typer

from models.commands import anchors, calibrate, evaluate, faces, packs, pfe, serve, ssr

app = typer.Typer(
    help="Face verification with scores calibrated by Inter-class Discrepancy Alignment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.command("check")(serve.check)
app.command("verify")(faces.verify)
app.command("embed")(faces.embed)
app.command("calibrate")(calibrate.calibrate_bundle)
app.command("evaluate")(evaluate.evaluate_command)
app.add_typer(packs.app, name="models")
app.add_typer(anchors.app, name="anchors")
app.add_typer(ssr.app, name="ssr")
app.add_typer(pfe.app, name="pfe")


def main() -> None:
    """Run the command line."""
    app()
