"""``ida-verify replay``: check an answer of /verify, years later, by the embeddings that were compared."""

import json
from pathlib import Path
from typing import Annotated

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from models.bounded import read_bounded
from models.commands import EXIT_FAILURE, reporting_errors
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder, shipped_by_name
from models.replay.check_answer import Replayed, check_answer, receipt_differs, require_folder
from models.replay.kept import GivenEmbedding, KeptAnswer, embeddings_of, in_places, read_answer, read_embedding
from models.tool_errors import KeyUnusable, ReplayImpossible
from service.activation.built_in import shipped_bundles
from service.bundle.bundle_manifest import MANIFEST_NAME
from service.bundle.reader import read_bundle_id
from service.errors import BundleUnknown
from service.settings import NO_BUNDLE, SHIPPED_BUNDLE, Settings, load_settings
from service.store.bundle_store import open_store
from service.store.local_copies import LocalCopies
from service.store.records import BUNDLE_ID

_KEY_BYTES = 4096

Kept = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The probe's embedding: an .npy, or what /embed answered as .json."),
]


def replay(
    answer: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What /verify answered, as JSON.")],
    probe: Kept = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="The reference's; once for each of several pictures, in their order."
        ),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            metavar=f"{BUNDLE_METAVAR}|ID", help="The bundle; by default the one that the answer names, if it is here."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="NAME.pub of the key that the answer should be signed by."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what differs as JSON, and the answer anew.")] = False,
) -> None:
    """Compute an answer again from its embeddings and its bundle, and say what differs.

    Exit code 0 where score, rate and decision come out as they were answered, 1 where something differs (a line for
    each) or cannot be read, 2 if the command line is wrong. Where the embeddings are absent it is 1 too, and the line
    says whether the signature holds.
    """
    with reporting_errors():
        settings = load_settings()
        kept = read_answer(answer)
        key = None if public_key is None else _public_key(public_key)
        embeddings = _embeddings(kept, probe, reference or [], key)
        folder = _folder(kept, bundle, settings)
        require_folder(kept.answer, folder)
        found = check_answer(kept, *embeddings, folder, settings, key)
    _print(found, as_json=as_json)
    raise typer.Exit(EXIT_FAILURE if found.differs else 0)


def _embeddings(
    kept: KeptAnswer, probe: Path | None, references: list[Path], key: Ed25519PublicKey | None
) -> tuple[GivenEmbedding, tuple[GivenEmbedding | None, ...]]:
    own = embeddings_of(kept.answer)
    if (probe is None or not references) and own is None:
        raise ReplayImpossible(
            f"{_of_the_signature(kept, key)} Nothing was computed again: the answer has no embeddings in it "
            "(return_embeddings). Give those that were compared by --probe and --reference."
        )
    of_probe = read_embedding(probe) if probe is not None else None
    of_reference = in_places(kept.answer, [read_embedding(path) for path in references]) if references else None
    if own is not None:
        return of_probe or own[0], of_reference or own[1]
    assert of_probe is not None  # noqa: S101  (refused above)
    assert of_reference is not None  # noqa: S101
    return of_probe, of_reference


def _of_the_signature(kept: KeptAnswer, key: Ed25519PublicKey | None) -> str:
    """Say what an answer's signature alone tells."""
    if key is None:
        signed = kept.answer.receipt is not None
        return (
            "The answer is signed, and its signature was not looked at: --public-key names the key."
            if signed
            else "The answer is not signed."
        )
    differs = receipt_differs(kept, key)
    if differs:
        return f"It is not what the key signed ({'; '.join(differs)})."
    return "The signature holds: nobody changed the answer since."


def _folder(kept: KeptAnswer, bundle: str | None, settings: Settings) -> Path | None:
    """Return the folder of the bundle that is asked for, or that the answer names; None where it is not here."""
    if bundle is not None and (bundle in shipped_by_name() or (Path(bundle) / MANIFEST_NAME).is_file()):
        return bundle_folder(bundle)
    named = kept.answer.anchor_set
    asked = bundle or ("" if named is None else named.id)
    if not asked:
        return None
    own: tuple[Path, ...] = () if settings.bundle == NO_BUNDLE else (settings.bundle,)
    for folder in (*own, *shipped_bundles()):
        if (folder / MANIFEST_NAME).is_file() and read_bundle_id(folder) == asked:
            return folder
    if not BUNDLE_ID.fullmatch(asked):
        raise ReplayImpossible(f"{asked} is neither a bundle's folder nor a bundle's id, nor `{SHIPPED_BUNDLE}`.")
    store = open_store(settings.store_location, is_made=not settings.store)
    try:
        copy: Path = LocalCopies(settings.cache_folder).folder_of(asked, store)
    except BundleUnknown:
        return None
    return copy


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(read_bounded(path, _KEY_BYTES))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{path} is no public key in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{path} is no ed25519 key.")
    return key


def _print(found: Replayed, *, as_json: bool) -> None:
    if as_json:
        again = None if found.again is None else found.again.model_dump(mode="json")
        typer.echo(json.dumps({"differs": found.differs, "notes": found.notes, "again": again}, indent=2))
        return
    for line in found.differs:
        typer.echo(f"differs: {line}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if not found.differs and found.again is not None:
        typer.echo(f"the same: score {found.again.score:g}, decision {found.again.decision or 'none'}")
