import os

from saccade.data.fingerprint import fingerprint


def test_name_counts_by_itself():
    assert fingerprint(["digits"]) == fingerprint(["digits"])
    assert fingerprint(["digits"]) != fingerprint(["cifar10"])


def test_file_counts_by_its_bytes(tmp_path):
    file = tmp_path / "images.zip"
    file.write_bytes(b"one")
    before = fingerprint([str(file)])
    os.utime(file, (0, 0))
    assert fingerprint([str(file)]) == before
    file.write_bytes(b"two")
    assert fingerprint([str(file)]) != before


def test_archive_with_labels_counts_by_its_bytes(tmp_path):
    file = tmp_path / "cifar.tar.gz"
    file.write_bytes(b"one")
    before = fingerprint([f"{file}:coarse"])
    assert before != fingerprint([f"{file}:fine"])
    file.write_bytes(b"two")
    assert fingerprint([f"{file}:coarse"]) != before


def test_folder_changes_with_a_file_in_it(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "0.png").write_bytes(b"one")
    before = fingerprint([str(tmp_path)])
    (tmp_path / "cat" / "1.png").write_bytes(b"two")
    added = fingerprint([str(tmp_path)])
    (tmp_path / "cat" / "1.png").rename(tmp_path / "cat" / "2.png")
    assert len({before, added, fingerprint([str(tmp_path)])}) == 3
