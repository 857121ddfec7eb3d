"""Model packs: the manifest that says what each network is, the ids that follow from it, and installed packs.

A pack is a folder with ``pack.toml`` and the ONNX files it names. This room reads packs; it neither runs a
network nor fetches one.
"""

from service.pack.installed import (
    RECEIPT_NAME,
    InstalledPack,
    Proof,
    Receipt,
    ReceiptFile,
    ReceiptSource,
    Rewrite,
    differences,
    load_pack,
    pack_folder,
    read_receipt,
)
from service.pack.pack_manifest import (
    CROP_SIDE,
    MANIFEST_NAME,
    BackboneFile,
    Colour,
    DetectorFile,
    FaceStandards,
    LandmarksFile,
    NetworkRole,
    NpmSource,
    PackFile,
    PackManifest,
    PackSource,
    Preprocessing,
    PypiSource,
    digest_of,
    file_sha256,
    parse_manifest,
    read_manifest,
)
from service.pack.preparation import PREPARATION, Preparation

__all__ = [
    "CROP_SIDE",
    "MANIFEST_NAME",
    "PREPARATION",
    "RECEIPT_NAME",
    "BackboneFile",
    "Colour",
    "DetectorFile",
    "FaceStandards",
    "InstalledPack",
    "LandmarksFile",
    "NetworkRole",
    "NpmSource",
    "PackFile",
    "PackManifest",
    "PackSource",
    "Preparation",
    "Preprocessing",
    "Proof",
    "PypiSource",
    "Receipt",
    "ReceiptFile",
    "ReceiptSource",
    "Rewrite",
    "differences",
    "digest_of",
    "file_sha256",
    "load_pack",
    "pack_folder",
    "parse_manifest",
    "read_manifest",
    "read_receipt",
]
