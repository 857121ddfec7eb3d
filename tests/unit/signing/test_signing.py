"""Keys are made for their owner alone, signatures hold for one bundle, and what is no key is told to be none."""

import json
import stat

import pytest
from signers import make_signer
from small_bundles import small_bundle

from models.bundles.keys import make_keys, read_private_key
from models.bundles.sign import sign_bundle
from models.tool_errors import KeyUnusable
from service.bundle.reader import manifest_content, read_bundle_id
from service.bundle.signature import load_trusted_keys, read_signature
from service.errors import BundleExists, BundleInvalid, BundleNotTrusted, SettingsInvalid


@pytest.fixture
def trusted(tmp_path):
    return tmp_path / "trusted"


@pytest.fixture
def alice(tmp_path, trusted):
    return make_signer(tmp_path, "alice", trusted=trusted)


@pytest.fixture
def bundle(tmp_path):
    small_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def verified(bundle, trusted):
    return load_trusted_keys(trusted).verify(manifest_content(bundle), read_signature(bundle))


def test_private_key_is_for_its_owner_alone(tmp_path):
    make_keys(tmp_path / "alice")
    assert stat.S_IMODE((tmp_path / "alice.key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in (tmp_path / "alice.pub").read_bytes()


def test_keys_are_never_written_over(tmp_path):
    make_keys(tmp_path / "alice")
    before = (tmp_path / "alice.key").read_bytes()
    with pytest.raises(KeyUnusable, match="never written over"):
        make_keys(tmp_path / "alice")
    assert (tmp_path / "alice.key").read_bytes() == before
    (tmp_path / "alice.key").unlink()
    with pytest.raises(KeyUnusable):
        make_keys(tmp_path / "alice")
    assert not (tmp_path / "alice.key").exists(), "half of a pair is of no use"


@pytest.mark.parametrize("name", ["-x", "a b", ".hidden", "x" * 65])
def test_name_that_is_no_signers_is_refused(tmp_path, name):
    with pytest.raises(KeyUnusable, match="signer's name"):
        make_keys(tmp_path / name)


def test_private_key_that_others_may_read_is_refused(tmp_path):
    make_keys(tmp_path / "alice")
    (tmp_path / "alice.key").chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        read_private_key(tmp_path / "alice.key")


def test_signature_is_beside_the_bundle_and_its_id_stays(bundle, trusted, alice):
    before = read_bundle_id(bundle)
    assert alice(bundle) == before == read_bundle_id(bundle)
    assert verified(bundle, trusted).name == "alice"


def test_signed_bundle_is_not_signed_over_unless_it_is_said(tmp_path, bundle, alice):
    alice(bundle)
    key = read_private_key(tmp_path / "alice.key")
    with pytest.raises(BundleExists, match="--force"):
        sign_bundle(bundle, key)
    sign_bundle(bundle, key, force=True)


def test_spoilt_bundle_is_not_signed(bundle, alice):
    (bundle / "embeddings.npy").write_bytes(b"?")
    with pytest.raises(BundleInvalid):
        alice(bundle)
    assert read_signature(bundle) is None


def test_unsigned_bundle_is_not_trusted(bundle, trusted, alice):
    with pytest.raises(BundleNotTrusted, match="is not signed"):
        verified(bundle, trusted)


def test_bundle_of_another_signer_is_not_trusted(tmp_path, bundle, trusted, alice):
    make_signer(tmp_path, "mallory")(bundle)
    with pytest.raises(BundleNotTrusted, match="none of those that are trusted"):
        verified(bundle, trusted)


def test_signature_of_another_bundle_does_not_hold(tmp_path, bundle, trusted, alice):
    small_bundle(tmp_path / "other", seed=2)
    alice(tmp_path / "other")
    (bundle / "signature.json").write_bytes((tmp_path / "other" / "signature.json").read_bytes())
    with pytest.raises(BundleNotTrusted, match="does not hold"):
        verified(bundle, trusted)


def changed(document, **fields):
    return json.dumps({**document, **fields}).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: b"",
        lambda document: b"[]",
        lambda document: b"{" * 5000,
        lambda document: b" " * 100_000,
        lambda document: changed(document, algorithm="none"),
        lambda document: changed(document, signature=""),
        lambda document: changed(document, signature="A" * 86 + "=="),
        lambda document: changed(document, key_id="0" * 16),
        lambda document: changed(document, more=1),
    ],
)
def test_signature_that_is_damaged_or_forged_does_not_hold(bundle, trusted, alice, spoil):
    alice(bundle)
    document = json.loads((bundle / "signature.json").read_bytes())
    (bundle / "signature.json").write_bytes(spoil(document))
    with pytest.raises(BundleNotTrusted):
        verified(bundle, trusted)


def test_one_key_may_be_given_as_a_file(tmp_path, bundle, alice):
    alice(bundle)
    assert verified(bundle, tmp_path / "alice.pub").name == "alice"


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "cannot be read"),
        (lambda folder: folder.mkdir(), "no public keys"),
        (lambda folder: (folder.mkdir(), (folder / "x.pub").write_text("x")), "no public key in PEM form"),
        (
            lambda folder: make_keys(folder.parent / "a") and (folder.parent / "a.key").rename(folder),
            "is a private key",
        ),
    ],
)
def test_what_is_no_key_is_told_at_the_start(tmp_path, prepare, words):
    prepare(tmp_path / "keys")
    with pytest.raises(SettingsInvalid, match=words):
        load_trusted_keys(tmp_path / "keys")
