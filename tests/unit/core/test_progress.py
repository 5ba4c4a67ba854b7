import re

from saccade.core.progress import progress
from saccade.core.seed import derived_seed


def test_piped_progress_ends_with_a_plain_line(capsys):
    with progress(1000, "decode", "images") as counter:
        counter.update(400)
        counter.update(600)
    assert re.fullmatch(r"decode: 1,000 of 1,000 images, [\d,.]+/s\n", capsys.readouterr().err)


def test_derived_seeds_differ_by_purpose_and_repeat():
    assert derived_seed(0, "split") == derived_seed(0, "split")
    assert len({derived_seed(0, "split"), derived_seed(0, "train"), derived_seed(1, "split")}) == 3
