#!/usr/bin/env python3
"""Writes the archives and arrays that npz_fuzz starts from and npz_test.cpp checks, most of them by NumPy itself.

Usage: npz_corpus.py [FOLDER]   (default: npz beside this file)
"""

import argparse
import io
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# One tree over two features: its root asks whether the first deviation is at most 0.25.
FOREST: dict[str, Any] = {
    "centres": np.array([[1, 0], [0, 1]], np.float32),
    "roots": np.array([0], np.int32),
    "feature": np.array([0, -1, -1], np.int32),
    "threshold": np.array([0.25, 0, 0], np.float64),
    "left": np.array([1, 0, 0], np.int32),
    "right": np.array([2, 0, 0], np.int32),
    "path_length": np.array([0, 1, 3], np.float64),
    "normalizer": np.float64(2),
}


def npz(arrays: dict[str, Any], *, is_deflated: bool = False) -> bytes:
    """An archive as NumPy writes it."""
    file = io.BytesIO()
    (np.savez_compressed if is_deflated else np.savez)(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    """An array as NumPy writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of any members."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", compression) as writer:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            writer.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    """Names without extension, and contents of archives."""
    roots = npy(FOREST["roots"])
    yield "forest", npz(FOREST)
    yield "forest-deflated", npz(FOREST, is_deflated=True)
    yield "nothing", npz({})
    yield "without-roots", npz({name: array for name, array in FOREST.items() if name != "roots"})
    yield "with-more", npz(FOREST | {"more": np.zeros(2, np.float32)})
    yield "flat-centres", npz(FOREST | {"centres": np.zeros(4, np.float32)})
    yield "wide-roots", npz(FOREST | {"roots": np.zeros(1, np.float64)})
    yield "circle", npz(FOREST | {"left": np.zeros(3, np.int32)})
    yield "int64", npz({"roots": np.zeros(1, np.int64)})
    yield "big-endian", npz({"roots": np.zeros(1, ">i4")})
    yield "fortran", npz({"centres": np.asfortranarray(FOREST["centres"].repeat(3, axis=1))})
    yield "objects", npz({"roots": np.array([None], object)})
    yield "text", archive([("readme.txt", b"text")])
    yield "text-called-npy", archive([("roots.npy", b"text")])
    yield "bzip2", archive([("roots.npy", roots)], zipfile.ZIP_BZIP2)
    yield "twice", archive([("roots.npy", roots), ("roots.npy", roots)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "npz")
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files():
        (folder / f"{name}.npz").write_bytes(content)
    for name in ("centres", "normalizer", "roots", "threshold"):
        (folder / f"{name}.npy").write_bytes(npy(FOREST[name]))


if __name__ == "__main__":
    main()
