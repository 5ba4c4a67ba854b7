"""What one server counts, captures and logs, and a model's part of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saccade.core.artifacts import BundleInfo
from saccade.core.settings import Settings
from saccade.serving.metrics import Metrics, ModelMetrics
from saccade.serving.protocol import PROBE_REQUEST_ID, Request
from saccade.serving.recording import Recorder, open_capture
from saccade.serving.request_log import Call, RequestLog


@dataclass(frozen=True)
class ModelTelemetry:
    """Of one version of one model."""

    info: BundleInfo
    metrics: ModelMetrics
    recorder: Recorder
    log: RequestLog

    def answered(self, request: Request, answers: Sequence[Any], call: Call) -> None:
        """Takes note of a success. Questions that the server asks itself are left out."""
        if call.request_id == PROBE_REQUEST_ID:
            return
        seconds = time.monotonic() - call.started
        self.recorder.record(request.images, answers, call.request_id)
        self.metrics.request_answered(call.protocol, seconds, answers)
        self.log.answered(call, seconds, self.info)


class Telemetry:
    """Of one server. Close it when the last request is answered."""

    def __init__(self, settings: Settings) -> None:
        self.metrics, self.log = Metrics(), RequestLog()
        self._settings = settings
        self._capture = open_capture(settings, self.metrics)

    def of(self, info: BundleInfo, precision: str) -> ModelTelemetry:
        """Returns what notes a model's answers."""
        recorder = Recorder(info, self._settings, self._capture)
        return ModelTelemetry(info, self.metrics.model(info, precision), recorder, self.log)

    def close(self) -> None:
        """Writes the capture records that wait."""
        if self._capture is not None:
            self._capture.close()
