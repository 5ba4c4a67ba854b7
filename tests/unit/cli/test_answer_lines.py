import csv
import json

import pytest

from saccade.cli.answer_lines import CSV_COLUMNS, csv_line, json_line, text_line
from saccade.serving.transport import Answer

ANSWER: Answer = {
    "label": "cat",
    "probability": 0.98765,
    "top_k": [{"label": "cat", "probability": 0.98765}],
    "ood": {"score": -2.5, "threshold": -3.0, "is_ood": True, "detector": "energy", "scores": {"energy": -2.5}},
    "model": {"name": "classifier", "version": "1"},
    "request_id": "r-1",
}
REFUSED: Answer = {"error": {"code": "truncated", "message": 'stops, "early"', "status": 400}}


def test_text_tells_label_probability_and_what_is_strange():
    assert text_line("a.jpg", ANSWER) == "a.jpg: cat (98.8%, unlike the training data)"
    assert text_line("a.jpg", REFUSED) == 'a.jpg: stops, "early"'


def test_json_is_the_answer_with_its_path():
    assert json.loads(json_line("ä.jpg", ANSWER)) == {"path": "ä.jpg", **ANSWER}


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        (ANSWER, ["cat", "0.98765", "-2.5", "true", "", "", "r-1"]),
        (REFUSED, ["", "", "", "", "truncated", 'stops, "early"', ""]),
    ],
)
def test_csv_has_a_value_a_column(answer, values):
    (row,) = csv.reader([csv_line('a,"b".jpg', answer)])
    assert dict(zip(CSV_COLUMNS, row, strict=True)) == dict(zip(CSV_COLUMNS, ['a,"b".jpg', *values], strict=True))
