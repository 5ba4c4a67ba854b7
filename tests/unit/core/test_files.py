import json
import subprocess
import sys
from pathlib import Path

import pytest

from saccade.core.errors import StorageError
from saccade.core.files import atomic_directory, atomic_file, sha256_of, write_json

FULL_DEVICE = Path("/dev/full")


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_directory_appears_only_when_the_block_ends(tmp_path):
    with atomic_directory(tmp_path / "bundle") as draft:
        (draft / "a").write_text("1")
        assert not (tmp_path / "bundle").exists()
    assert (tmp_path / "bundle" / "a").read_text() == "1"


def test_failed_directory_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_directory(tmp_path / "bundle") as draft:
        (draft / "a").write_text("1")
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_failed_replacement_keeps_the_older_directory(tmp_path):
    with atomic_directory(tmp_path / "bundle") as draft:
        (draft / "a").write_text("old")
    with pytest.raises(ValueError, match="stop"), atomic_directory(tmp_path / "bundle") as draft:
        (draft / "a").write_text("new")
        raise ValueError("stop")
    assert (tmp_path / "bundle" / "a").read_text() == "old"


def test_replacement_holds_only_the_new_files(tmp_path):
    for name in ("first", "second"):
        with atomic_directory(tmp_path / "bundle") as draft:
            (draft / name).write_text("")
    assert names(tmp_path / "bundle") == ["second"]
    assert names(tmp_path) == ["bundle"]


def test_draft_of_a_killed_process_is_removed(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from saccade.core.files import atomic_directory\n"
        "with atomic_directory(Path(sys.argv[1])) as draft: (draft / 'half').write_text(''); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "bundle")], check=False)
    assert len(names(tmp_path)) == 1
    with atomic_directory(tmp_path / "bundle"):
        pass
    assert names(tmp_path) == ["bundle"]


def test_file_that_fails_keeps_the_older_content(tmp_path):
    target = tmp_path / "x.json"
    write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="stop"), atomic_file(target) as draft:
        draft.write_text("half")
        raise ValueError("stop")
    assert json.loads(target.read_text()) == {"a": 1}
    assert names(tmp_path) == ["x.json"]


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="needs /dev/full")
def test_full_disk_is_named_with_what_to_do(tmp_path):
    with (
        pytest.raises(StorageError, match=r"disk is full\. Free some space"),
        atomic_file(tmp_path / "x"),
        FULL_DEVICE.open("w") as full,
    ):
        full.write("x" * 10_000)


def test_parent_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match="a part of the path is a file"),
        atomic_directory(tmp_path / "file" / "bundle"),
    ):
        pass


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
