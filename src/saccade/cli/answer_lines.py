"""An answer as a line: for a person, as CSV or as JSON."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from saccade.serving.transport import Answer

CSV_COLUMNS = ("path", "label", "probability", "ood_score", "is_ood", "error_code", "error_message", "request_id")


def text_line(name: str, answer: Answer) -> str:
    """Returns 'cat.jpg: cat (98.7%)', or the reason why there is no label."""
    if "error" in answer:
        return f"{name}: {answer['error']['message']}"
    strange = ", unlike the training data" if answer["ood"]["is_ood"] else ""
    return f"{name}: {answer['label']} ({answer['probability']:.1%}{strange})"


def json_line(name: str, answer: Answer) -> str:
    """Returns a JSON object with `path` and every field of the answer."""
    return json.dumps({"path": name, **answer})


def csv_line(name: str, answer: Answer) -> str:
    """Returns the values of CSV_COLUMNS; those of an error or of an answer are empty."""
    if "error" in answer:
        error = answer["error"]
        return _csv([name, "", "", "", "", error["code"], error["message"], ""])
    ood = answer["ood"]
    verdict = "true" if ood["is_ood"] else "false"
    return _csv([name, answer["label"], answer["probability"], ood["score"], verdict, "", "", answer["request_id"]])


def _csv(row: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


Lines = Callable[[str, Answer], str]
FORMATS: dict[str, Lines] = {"text": text_line, "csv": csv_line, "json": json_line}
HEADERS = {"csv": _csv(list(CSV_COLUMNS))}
