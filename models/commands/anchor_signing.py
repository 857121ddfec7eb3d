"""``ida-verify anchors keygen | sign``: vouching for bundles."""

from pathlib import Path
from typing import Annotated

import typer

from models.bundles.keys import PRIVATE_SUFFIX, make_keys, read_private_key
from models.bundles.sign import sign_bundle
from models.commands import reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from service.bundle.signature import PUBLIC_SUFFIX, key_id_of


def keygen(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Where to write NAME.key and NAME.pub; the signer is called so.")
    ],
) -> None:
    """Make a pair of ed25519 keys: NAME.key signs bundles and is yours alone, NAME.pub is for IDA_BUNDLE_KEYS."""
    with reporting_errors():
        key_id = make_keys(name)
    typer.echo(f"{name}{PRIVATE_SUFFIX}: the private key, for `ida-verify anchors sign --key`; keep it to yourself")
    typer.echo(f"{name}{PUBLIC_SUFFIX}: the public key {key_id}, for IDA_BUNDLE_KEYS of the services")


def sign(
    bundle: Annotated[Path, typer.Argument(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="The bundle's folder.")],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Private key of keygen.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a signature that is there.")] = False,
) -> None:
    """Check every part of a bundle, and sign it: signature.json beside the parts, the bundle's id stays."""
    with reporting_errors():
        private = read_private_key(key)
        bundle_id = sign_bundle(bundle, private, force=force)
    typer.echo(f"{bundle_id} is signed by the key {key_id_of(private.public_key())}")
