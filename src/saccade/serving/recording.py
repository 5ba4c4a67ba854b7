"""What was answered goes to capture, where the settings ask for it."""

import hashlib
from collections.abc import Sequence
from typing import Any

from saccade.core.artifacts import BundleInfo
from saccade.core.settings import Settings
from saccade.serving.answers import image_request_ids
from saccade.serving.capture import CaptureWriter, capture_record
from saccade.serving.metrics import Metrics
from saccade.serving.protocol import PROBE_REQUEST_ID


class Recorder:
    """Gives one model's answers to a CaptureWriter, which several recorders may share. Without one it does nothing."""

    def __init__(self, info: BundleInfo, settings: Settings, writer: CaptureWriter | None) -> None:
        self._info, self._writer = info, writer
        self._keeps_images = settings.capture_images
        self._sample, self._keeps_ood = settings.capture_sample, settings.capture_all_ood

    def record(self, images: Sequence[bytes], answers: Sequence[Any], request_id: str) -> None:
        """Queues a record an image; never waits. Questions that the server asks itself are left out."""
        if self._writer is None or request_id == PROBE_REQUEST_ID:
            return
        info = self._info
        is_sampled = in_sample(request_id, self._sample)
        ids = image_request_ids(request_id, len(images))
        for image, answer, own_id in zip(images, answers, ids, strict=True):
            if not is_sampled and not (self._keeps_ood and answer.is_ood):
                continue
            kept = image if self._keeps_images else None
            self._writer.add(
                capture_record(
                    answer, info.classes, request_id=own_id, model=info.name, version=info.version, image=kept
                )
            )


def open_capture(settings: Settings, metrics: Metrics) -> CaptureWriter | None:
    """Returns a writer for the directory that the settings name, or None when they name none. Close it at the end."""
    if settings.capture_dir is None:
        return None
    return CaptureWriter(
        settings.capture_dir,
        queue_bytes=settings.capture_queue_bytes,
        spool_dir=settings.capture_spool_dir,
        spool_bytes=settings.capture_spool_bytes,
        on_change=metrics.capture_changed,
    )


def in_sample(request_id: str, share: float) -> bool:
    """Whether a request belongs to that share of all requests, from 0 to 1. The same id always gets the same answer."""
    digest = hashlib.blake2b(request_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64
