import base64

import pytest

from saccade.core.errors import BundleError, UsageError
from saccade.serving.signing import check_signature, sign

# RFC 8032, section 7.1, test 3: the key as PKCS 8 and SubjectPublicKeyInfo, the message and its signature.
SECRET = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
PUBLIC = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
MESSAGE = bytes.fromhex("af82")
SIGNATURE = (
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
PKCS8, PUBLIC_KEY_INFO = "302e020100300506032b657004220420", "302a300506032b6570032100"


def pem(kind: str, content: str) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(bytes.fromhex(content)).decode()}\n-----END {kind}-----\n"


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_bytes(MESSAGE)
    return path


def test_signature_is_that_of_the_standard(document, tmp_path):
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_text(pem("PRIVATE KEY", PKCS8 + SECRET))
    public.write_text(pem("PUBLIC KEY", PUBLIC_KEY_INFO + PUBLIC))
    assert sign(tmp_path, private).read_bytes().hex() == SIGNATURE
    check_signature(document, MESSAGE, public)


def test_one_other_byte_is_refused(document, keys):
    sign(document.parent, keys.private)
    check_signature(document, MESSAGE, keys.public)
    with pytest.raises(BundleError, match="was altered"):
        check_signature(document, b"\xaf\x83", keys.public)


def test_signature_of_a_stranger_is_refused(document, keys, new_keys):
    sign(document.parent, new_keys().private)
    with pytest.raises(BundleError, match="not by the owner"):
        check_signature(document, MESSAGE, keys.public)


@pytest.mark.parametrize("content", [b"", b"short", bytes(64), bytes(65)])
def test_garbage_is_no_signature(document, keys, content):
    document.with_name("bundle.json.sig").write_bytes(content)
    with pytest.raises(BundleError, match="not by the owner"):
        check_signature(document, MESSAGE, keys.public)


def test_missing_signature_names_the_way_to_one(document, keys):
    with pytest.raises(BundleError, match=r"is not signed.*saccade sign"):
        check_signature(document, MESSAGE, keys.public)


def test_directory_with_nothing_to_sign_is_refused(tmp_path, keys):
    with pytest.raises(UsageError, match="neither a model store nor a bundle"):
        sign(tmp_path, keys.private)


def test_wrong_keys_are_told(document, keys, tmp_path):
    (tmp_path / "no.pem").write_text("no key")
    with pytest.raises(UsageError, match="no key in PEM"):
        sign(tmp_path, tmp_path / "no.pem")
    with pytest.raises(UsageError, match="no key in PEM"):
        sign(tmp_path, keys.public)
    with pytest.raises(UsageError, match="cannot be read"):
        check_signature(document, MESSAGE, tmp_path / "missing.pem")


def test_key_of_another_kind_is_told(document, tmp_path):
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    key = generate_private_key(SECP256R1())
    content = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    (tmp_path / "curve.pem").write_bytes(content)
    with pytest.raises(UsageError, match="no Ed25519 key"):
        sign(tmp_path, tmp_path / "curve.pem")
