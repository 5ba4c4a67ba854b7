"""Ed25519 signatures: who made a model store or a bundle.

A model store's index.json holds the sha256 of every archive and a bundle's bundle.json that of every file, so one
signature of that document covers everything. It does not tell an older signed document from the newest.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from saccade.core.artifacts import BUNDLE_JSON, MODEL_STORE_INDEX, SIGNATURE_SUFFIX
from saccade.core.errors import BundleError, UsageError
from saccade.core.files import atomic_file

DOCUMENTS = (MODEL_STORE_INDEX, BUNDLE_JSON)


def sign(path: Path, private_key: Path) -> Path:
    """Signs a model store or a bundle and returns the file of the signature, 64 bytes as openssl reads them.

    private_key: PEM without a password, as `openssl genpkey -algorithm ed25519` writes it.
    Raises UsageError when path is neither or the key is another.
    """
    key = _loaded(private_key, lambda pem: load_pem_private_key(pem, None), Ed25519PrivateKey)
    document = next((path / name for name in DOCUMENTS if (path / name).is_file()), None)
    if document is None:
        raise UsageError(f"'{path}' is neither a model store nor a bundle: it has no {' and no '.join(DOCUMENTS)}.")
    with atomic_file(signature_file(document)) as draft:
        draft.write_bytes(key.sign(document.read_bytes()))
    return signature_file(document)


def check_signature(document: Path, content: bytes, trusted_key: Path) -> None:
    """Raises BundleError unless content, read from document, is signed by the owner of trusted_key.

    trusted_key: PEM of an Ed25519 public key. Raises UsageError for another.
    """
    key = _loaded(trusted_key, load_pem_public_key, Ed25519PublicKey)
    try:
        key.verify(signature_file(document).read_bytes(), content)
    except FileNotFoundError as error:
        raise BundleError(
            f"'{document}' is not signed, and '{trusted_key}' says that it must be. "
            f"Sign it with 'saccade sign {document.parent} --key KEY'."
        ) from error
    except (InvalidSignature, OSError) as error:
        raise BundleError(
            f"The signature of '{document}' is not by the owner of '{trusted_key}', or the file was altered since. "
            "Do not serve it before you know which."
        ) from error


def signature_file(document: Path) -> Path:
    """Returns where the signature of a document lies."""
    return document.with_name(document.name + SIGNATURE_SUFFIX)


def _loaded(file: Path, load: Callable[[bytes], Any], kind: type) -> Any:
    try:
        key = load(file.read_bytes())
    except OSError as error:
        raise UsageError(f"The key '{file}' cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a password
        raise UsageError(f"'{file}' is no key in PEM without a password: {error}.") from error
    if not isinstance(key, kind):
        raise UsageError(f"'{file}' is no Ed25519 key. Make one with 'openssl genpkey -algorithm ed25519'.")
    return key
