"""What one server counts and times, as Prometheus reads it. docs/reference/metrics.md lists every name."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from saccade.core.artifacts import BundleInfo
from saccade.serving.capture import CaptureStats

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one served model, in a registry of their own. Methods may be called from one thread."""

    def __init__(self, info: BundleInfo, precision: str, capture_stats: Callable[[], CaptureStats]) -> None:
        """capture_stats: asked at every scrape."""
        own = CollectorRegistry()
        self._registry = own
        self._requests = Histogram(
            "saccade_request_seconds",
            "A request, from its headers to its answer",
            ["protocol"],
            buckets=SECONDS,
            registry=own,
        )
        self._queue = Histogram("saccade_queue_seconds", "An image's wait for its batch", buckets=SECONDS, registry=own)
        self._predict = Histogram(
            "saccade_predict_seconds", "Decoding and inference of a batch", buckets=SECONDS, registry=own
        )
        self._batches = Histogram("saccade_batch_images", "Images in a batch", buckets=IMAGES, registry=own)
        self._answers = Counter("saccade_answers", "Answered images by label", ["label"], registry=own)
        self._ood = Counter("saccade_out_of_distribution_answers", "Answered images unlike training", registry=own)
        self._rejections = Counter("saccade_rejections", "Refused requests by reason", ["reason"], registry=own)
        self._queued = Gauge("saccade_queued_images", "Images that wait for a batch", registry=own)
        self._ready = Gauge("saccade_ready", "1 while the server reports ready", registry=own)
        model = Info("saccade_model", "The served model", registry=own)
        model.info({"name": info.name, "version": info.version, "precision": precision, "dataset_id": info.dataset_id})
        for label in info.classes:
            self._answers.labels(label)  # so that a class never answered reads 0
        own.register(_CaptureCollector(capture_stats))
        ProcessCollector(registry=own)

    def watch(self, queued_images: Callable[[], int], is_ready: Callable[[], bool]) -> None:
        """Takes what is true at the moment of a scrape from these functions."""
        self._queued.set_function(queued_images)
        self._ready.set_function(is_ready)

    def request_answered(self, protocol: str, seconds: float, answers: Sequence[dict[str, Any]]) -> None:
        """answers: the documents of saccade.serving.answers."""
        self._requests.labels(protocol).observe(seconds)
        for answer in answers:
            self._answers.labels(answer["label"]).inc()
            if answer["ood"]["is_ood"]:
                self._ood.inc()

    def request_rejected(self, reason: str) -> None:
        """reason: the code of the error; there are few."""
        self._rejections.labels(reason).inc()

    def batch_started(self, waited_s: Sequence[float]) -> None:
        """waited_s: of each image."""
        self._batches.observe(len(waited_s))
        for seconds in waited_s:
            self._queue.observe(seconds)

    def batch_predicted(self, seconds: float) -> None:
        """Counts one call of the predictor."""
        self._predict.observe(seconds)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Returns all metrics in the format that an Accept header prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _CaptureCollector(Collector):
    def __init__(self, stats: Callable[[], CaptureStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        yield CounterMetricFamily("saccade_capture_written_records", "Records in files", value=stats.written)
        yield CounterMetricFamily("saccade_capture_dropped_records", "Records given up", value=stats.dropped)
        yield CounterMetricFamily("saccade_capture_failed_writes", "Attempts that failed", value=stats.failed_writes)
        yield GaugeMetricFamily("saccade_capture_queued_bytes", "Memory of waiting records", value=stats.queued_bytes)
