import logging
import zipfile

import pytest

from saccade.serving.torchserve.frontend_patch import BRANCHES, CLASSES, write_patched_classes
from saccade.serving.torchserve.java import find_torchserve

NAMES = [branch.class_file for branch in BRANCHES]


@pytest.fixture(scope="module")
def jar():
    return find_torchserve() / "ts" / "frontend" / "model-server.jar"


@pytest.mark.parametrize(("name", "branches"), [("WorkerThread.class", 7), ("BatchAggregator.class", 1)])
def test_patched_class_differs_in_its_branches_alone(jar, tmp_path, name, branches):
    write_patched_classes(jar, tmp_path)
    with zipfile.ZipFile(jar) as archive:
        before = archive.read(f"{CLASSES}/{name}")
    after = (tmp_path / CLASSES / name).read_bytes()
    changed = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert len(changed) == 2 * branches  # of the three bytes of a branch the middle one is zero before and after
    assert {after[place] for place in changed} == {0x57, 0x00}  # pop, nop


def test_unknown_class_stays_as_it_is_and_is_warned_of(tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "other.jar", "w") as other:
        for name in NAMES:
            other.writestr(f"{CLASSES}/{name}", b"\xca\xfe\xba\xbe")
    with caplog.at_level(logging.WARNING):
        write_patched_classes(tmp_path / "other.jar", tmp_path / "patched")
    assert not (tmp_path / "patched").exists()
    assert caplog.text.count("is not TorchServe 0.12") == len(NAMES)
