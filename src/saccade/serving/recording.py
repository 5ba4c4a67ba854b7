"""What was answered goes to capture, where the settings ask for it."""

from collections.abc import Sequence
from typing import Any

from saccade.core.artifacts import BundleInfo
from saccade.core.settings import Settings
from saccade.serving.answers import image_request_ids
from saccade.serving.capture import CaptureStats, CaptureWriter, capture_record
from saccade.serving.protocol import PROBE_REQUEST_ID


class Recorder:
    """Gives one model's answers to a CaptureWriter. Without a capture directory it does nothing."""

    def __init__(self, info: BundleInfo, settings: Settings) -> None:
        self._info = info
        self._keeps_images = settings.capture_images
        self._writer: CaptureWriter | None = None
        if settings.capture_dir:
            self._writer = CaptureWriter(settings.capture_dir, queue_bytes=settings.capture_queue_bytes)

    def record(self, images: Sequence[bytes], answers: Sequence[Any], request_id: str) -> None:
        """Queues a record an image; never waits. Questions that the server asks itself are left out."""
        if self._writer is None or request_id == PROBE_REQUEST_ID:
            return
        info = self._info
        ids = image_request_ids(request_id, len(images))
        for image, answer, own_id in zip(images, answers, ids, strict=True):
            kept = image if self._keeps_images else None
            self._writer.add(
                capture_record(
                    answer, info.classes, request_id=own_id, model=info.name, version=info.version, image=kept
                )
            )

    def stats(self) -> CaptureStats:
        """The counts of this moment."""
        return CaptureStats() if self._writer is None else self._writer.stats()

    def close(self) -> None:
        """Writes the records that wait."""
        if self._writer is not None:
            self._writer.close()
