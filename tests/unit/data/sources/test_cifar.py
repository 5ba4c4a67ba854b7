import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from saccade.core.errors import DataError, UsageError
from saccade.data.sources.cifar import MAX_BYTES, load_arrays, open_cifar

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (4, 3072), np.uint8)  # four images, channel planes one after the other
CLASSES_10 = [b"airplane", b"automobile"]
FINE, COARSE = [b"apple", b"bear"], [b"fruit", b"carnivores"]


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"cifar/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def batch(rows, **labels):
    content = {b"data": PIXELS[rows], b"filenames": [f"{row}.png".encode() for row in rows]}
    return pickle.dumps({**content, **{name.encode(): values for name, values in labels.items()}}, protocol=3)


@pytest.fixture
def cifar10_python(tmp_path):
    members = {
        "data_batch_2": batch([2], labels=[0]),
        "test_batch": batch([3], labels=[1]),
        "batches.meta": pickle.dumps({b"label_names": CLASSES_10}, protocol=3),
        "data_batch_1": batch([0, 1], labels=[1, 0]),
        "readme.html": b"<html>",
    }
    return write_tar(tmp_path / "cifar-10-python.tar.gz", members)


@pytest.fixture
def cifar10_binary(tmp_path):
    def rows(numbers, labels):
        return b"".join(bytes([label]) + PIXELS[row].tobytes() for row, label in zip(numbers, labels, strict=True))

    members = {
        "data_batch_2.bin": rows([2], [0]),
        "data_batch_1.bin": rows([0, 1], [1, 0]),
        "batches.meta.txt": b"airplane\nautomobile\n\n",
        "test_batch.bin": rows([3], [1]),
    }
    return write_tar(tmp_path / "cifar-10-binary.tar.gz", members)


@pytest.fixture
def cifar100_python(tmp_path):
    members = {
        "train": batch([0, 1, 2], fine_labels=[0, 1, 1], coarse_labels=[0, 1, 1]),
        "meta": pickle.dumps({b"fine_label_names": FINE, b"coarse_label_names": COARSE}, protocol=3),
        "test": batch([3], fine_labels=[0], coarse_labels=[0]),
    }
    return write_tar(tmp_path / "cifar-100-python.tar.gz", members)


@pytest.fixture
def cifar100_binary(tmp_path):
    def rows(numbers, labels):
        return b"".join(bytes([0, label]) + PIXELS[row].tobytes() for row, label in zip(numbers, labels, strict=True))

    members = {
        "train.bin": rows([0, 1], [1, 0]),
        "test.bin": rows([2], [1]),
        "fine_label_names.txt": b"apple\nbear\n",
        "coarse_label_names.txt": b"fruit\ncarnivores\n",
    }
    return write_tar(tmp_path / "cifar-100-binary.tar.gz", members)


def decoded(record):
    return np.asarray(Image.open(io.BytesIO(record.data)))


def test_cifar_10_python_gives_names_classes_and_splits_in_order(cifar10_python):
    source = open_cifar(cifar10_python)
    assert [(record.name, record.label, record.split) for record in source.read()] == [
        ("data_batch_1/0.png", "automobile", "train"),
        ("data_batch_1/1.png", "airplane", "train"),
        ("data_batch_2/2.png", "airplane", "train"),
        ("test_batch/3.png", "automobile", "test"),
    ]
    assert (source.count, source.labels) == (4, {"airplane", "automobile"})


def test_cifar_10_pixels_are_kept_without_loss(cifar10_python):
    record = next(open_cifar(cifar10_python).read())
    pixels = decoded(record)
    assert pixels.shape == (32, 32, 3)
    assert (pixels[0, 1].tolist(), pixels[1, 0, 0]) == (PIXELS[0, [1, 1025, 2049]].tolist(), PIXELS[0, 32])


def test_cifar_10_binary_gives_the_same_images_as_python(cifar10_binary, cifar10_python):
    first, second = ([record[1:] for record in open_cifar(path).read()] for path in (cifar10_binary, cifar10_python))
    assert first == second


def test_cifar_100_has_fine_and_coarse_labels(cifar100_python):
    labels = {
        kind: [record.label for record in open_cifar(cifar100_python, kind).read()] for kind in ("fine", "coarse")
    }
    assert labels["fine"] == ["apple", "apple", "bear", "bear"]
    assert labels["coarse"] == ["fruit", "fruit", "carnivores", "carnivores"]


def test_cifar_100_binary_reads_both_label_bytes(cifar100_binary):
    assert [record.label for record in open_cifar(cifar100_binary).read()] == ["bear", "bear", "apple"]
    assert {record.label for record in open_cifar(cifar100_binary, "coarse").read()} == {"fruit"}


def test_cifar_10_with_coarse_labels_is_refused(cifar10_python):
    with pytest.raises(UsageError, match=r"has no coarse labels"):
        open_cifar(cifar10_python, "coarse")


def test_cifar_archive_that_is_cut_off_is_refused(cifar10_python):
    cifar10_python.write_bytes(cifar10_python.read_bytes()[:-2_000])
    with pytest.raises(DataError, match=r"is not a whole CIFAR archive"):
        open_cifar(cifar10_python)


def test_cifar_archive_with_label_beyond_the_classes_is_refused(tmp_path):
    members = {"test_batch": batch([0], labels=[7]), "batches.meta": pickle.dumps({b"label_names": CLASSES_10})}
    with pytest.raises(DataError, match=r"labels and class names do not match"):
        open_cifar(write_tar(tmp_path / "x.tar.gz", members))


def test_cifar_archive_with_half_an_image_is_refused(tmp_path):
    members = {"test_batch.bin": bytes(3072), "batches.meta.txt": b"airplane\n"}
    with pytest.raises(DataError, match=r"is not a whole CIFAR archive"):
        open_cifar(write_tar(tmp_path / "x.tar.gz", members))


@pytest.mark.parametrize("content", [b"not a pickle", pickle.dumps([1]), pickle.dumps({b"data": 1, b"filenames": [1]})])
def test_cifar_archive_with_another_pickle_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"is not a whole CIFAR archive"):
        open_cifar(write_tar(tmp_path / "x.tar.gz", {"test_batch": content}))


def test_cifar_archive_that_claims_too_many_bytes_is_refused_unread(tmp_path):
    header = tarfile.TarInfo("train.bin")
    header.size = MAX_BYTES + 1
    (tmp_path / "x.tar").write_bytes(header.tobuf())
    with pytest.raises(DataError, match=r"claim more than 268,435,456 bytes"):
        open_cifar(tmp_path / "x.tar")


def test_tar_of_something_else_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"not one of CIFAR's. Unpack it"):
        open_cifar(write_tar(tmp_path / "x.tar.gz", {"cat/1.jpg": b"x"}))


def test_pickle_of_column_major_array_is_read_in_its_order():
    array = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert load_arrays(io.BytesIO(pickle.dumps({b"data": array}, protocol=3)))[b"data"].tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


def test_pickle_of_another_array_type_is_refused():
    with pytest.raises(pickle.UnpicklingError, match=r"another type than uint8"):
        load_arrays(io.BytesIO(pickle.dumps({b"data": np.array([None])}, protocol=3)))


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickle_that_calls_a_function_is_refused_and_not_run(tmp_path):
    victim = tmp_path / "made"
    with pytest.raises(pickle.UnpicklingError, match=r"posix.mkdir"):
        load_arrays(io.BytesIO(pickle.dumps({b"data": Malicious(str(victim))})))
    assert not victim.exists()


def test_pickle_as_python_2_wrote_the_archives_is_read():
    # Protocol 2, numpy.core's old module name and byte strings, as in the published files.
    text = (
        b"\x80\x02}q\x01U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x02\x07\xc8tbs."
    )
    assert load_arrays(io.BytesIO(text))[b"data"].tolist() == [7, 200]
