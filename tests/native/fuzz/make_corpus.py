#!/usr/bin/env python3
"""Writes the odd image files that the fuzzers start from and tests/unit/native/test_corpus.py checks.

Usage: make_corpus.py [FOLDER]   (default: corpus beside this file)
The same bytes every time for one version of Pillow, which requirements.lock pins.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import jpeg_corpus
import png_corpus
import webp_corpus


def other_files(images: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Files that are not what they are called, or two things at once."""
    yield "empty.jpg", b""
    yield "text.jpg", b"This is not an image.\n"
    yield "signature-only.png", png_corpus.SIGNATURE
    yield "gif.gif", b"GIF89a\1\0\1\0\0\0\0;"
    yield "bitmap.bmp", b"BM" + bytes(50)
    yield "riff-of-sound.webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)
    yield "png-called-jpeg.jpg", images["png/rgb-8.png"]
    yield "jpeg-called-png.png", images["jpeg/baseline-420.jpg"]
    yield "jpeg-and-zip.jpg", images["jpeg/baseline-420.jpg"] + b"PK\5\6" + bytes(18)
    yield "png-and-jpeg.png", images["png/rgb-8.png"] + images["jpeg/baseline-420.jpg"]


def corpus() -> dict[str, bytes]:
    """Every file by its path below the corpus."""
    formats = {"jpeg": (jpeg_corpus, "jpg"), "png": (png_corpus, "png"), "webp": (webp_corpus, "webp")}
    files = {
        f"{folder}/{name}.{extension}": content
        for folder, (maker, extension) in formats.items()
        for name, content in maker.files()
    }
    return files | {f"other/{name}": content for name, content in other_files(files)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "corpus")
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in corpus().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
