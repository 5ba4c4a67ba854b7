import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from saccade.core.artifacts import INDEX_SCHEMA
from saccade.data.quality import Inspector
from saccade.data.sources.source import Fault, Record


def record(data, name="cat/1.jpg", fault=None):
    return Record(name, "cat", None, data, fault)


def png_header(width, height):
    """A PNG of that size whose pixels are missing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_inspector_of_good_images_gives_size_and_digest(encode):
    images = [encode(0, (12, 10)), encode(1, (7, 300), "PNG"), encode(2, (50, 40), "WEBP")]
    inspected = Inspector(threads=2).inspect([record(image) for image in images])
    facts = inspected.facts.to_pydict()
    assert (facts["width"], facts["height"]) == ([12, 7, 50], [10, 300, 40])
    assert facts["sha256"] == [hashlib.sha256(image).hexdigest() for image in images]
    assert inspected.rejected == []


def test_inspector_gives_columns_of_the_index(encode):
    facts = Inspector(threads=1).inspect([record(encode(0))]).facts
    assert all(facts.schema.field(name).type == INDEX_SCHEMA.field(name).type for name in facts.column_names)


def test_inspector_of_grey_image_gives_its_brightness(encode):
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), 51, np.uint8)).save(buffer, "PNG")
    facts = Inspector(threads=1).inspect([record(buffer.getvalue())]).facts.to_pydict()
    assert facts["brightness"] == pytest.approx([51 / 255])
    assert (facts["contrast"], facts["saturation"], facts["entropy"]) == ([0], [0], [0])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"this is no picture", "not_an_image"),
        (b"\xff\xd8\xff\xe0 but nothing that belongs to a JPEG", "unreadable"),
        (png_header(30_000, 30_000), "too_large"),
    ],
)
def test_inspector_of_bad_file_tells_the_reason(data, reason):
    inspected = Inspector(threads=1).inspect([record(data)])
    assert [fault.reason for _, fault in inspected.rejected] == [reason]
    assert inspected.good == []


def test_inspector_of_truncated_jpeg_calls_it_unreadable(encode):
    image = encode(0, (200, 200))
    ((_, fault),) = Inspector(threads=1).inspect([record(image[: len(image) // 2])]).rejected
    assert fault.reason == "unreadable"


def test_inspector_of_mixed_batch_keeps_the_good_ones_in_order(encode):
    known = Fault("empty", "has no bytes")
    batch = [record(encode(0), "a"), record(b"x", "b"), record(b"", "c", known), record(encode(1), "d")]
    inspected = Inspector(threads=2).inspect(batch)
    assert [one.name for one in inspected.good] == ["a", "d"]
    assert [(one.name, fault.reason) for one, fault in inspected.rejected] == [("c", "empty"), ("b", "not_an_image")]


def test_inspector_of_no_good_image_gives_an_empty_table():
    assert Inspector(threads=1).inspect([record(b"x")]).facts.num_rows == 0
