"""The predictor's answer as the JSON object that clients read."""

from typing import Any

from saccade.core.artifacts import BundleInfo


def answer_document(answer: Any, info: BundleInfo, request_id: str) -> dict[str, Any]:
    """Returns the JSON object of one answer without an error.

    answer: a saccade_native.Answer. Its probabilities are calibrated; a larger OOD score is less like training.
    """
    classes = info.classes
    return {
        "label": classes[answer.label],
        "probability": float(answer.probabilities[answer.label]),
        "top_k": [{"label": classes[label], "probability": probability} for label, probability in answer.top_k],
        "ood": {
            "score": answer.ood_score,
            "threshold": info.scoring["ood_threshold"],
            "is_ood": answer.is_ood,
            "detector": info.scoring["ood_detector"],
            "scores": dict(answer.scores),
        },
        "model": {"name": info.name, "version": info.version},
        "request_id": request_id,
    }
