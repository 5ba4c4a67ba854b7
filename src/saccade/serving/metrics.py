"""What a server counts and times, as Prometheus reads it. docs/reference/metrics.md lists every name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from saccade.core.artifacts import BundleInfo

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)
MODEL = ("model", "version")


class Metrics:
    """The metrics of one process, in a registry of their own.

    No label has a value that a client chose: models, versions and classes are those of bundles, reasons and protocols
    those of our code. With PROMETHEUS_MULTIPROC_DIR set, the values lie in files of that directory, where another
    process reads them (saccade.serving.torchserve.metrics_door).
    """

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        request = (*MODEL, "protocol")
        self.requests = _histogram("saccade_request_seconds", "Time to answer a request", request, SECONDS, own)
        self.queue = _histogram("saccade_queue_seconds", "An image's wait for its batch", MODEL, SECONDS, own)
        self.prepare = _histogram("saccade_prepare_seconds", "From encoded bytes to pixels", MODEL, SECONDS, own)
        self.infer = _histogram("saccade_infer_seconds", "From pixels to answers", MODEL, SECONDS, own)
        self.predict = _histogram("saccade_predict_seconds", "All work on a batch", MODEL, SECONDS, own)
        self.batches = _histogram("saccade_batch_images", "Images in a batch", MODEL, IMAGES, own)
        self.answers = Counter("saccade_answers", "Answered images by class", (*MODEL, "label"), registry=own)
        self.ood = Counter("saccade_out_of_distribution_answers", "Answers unlike training", MODEL, registry=own)
        self.rejections = Counter("saccade_rejections", "Refused requests by reason", ("reason",), registry=own)
        self.queued = Gauge("saccade_queued_images", "Images that wait for a batch", MODEL, registry=own)
        self.ready = Gauge("saccade_ready", "1 while requests should come", MODEL, registry=own)
        ProcessCollector(registry=own)
        self.info = Gauge(
            "saccade_model_info",
            "The served models",
            (*MODEL, "precision", "dataset_id"),
            multiprocess_mode="livemax",
            registry=own,
        )
        self._capture_counters = {
            "written": Counter("saccade_capture_written_records", "Records in files", registry=own),
            "dropped": Counter("saccade_capture_dropped_records", "Records given up", registry=own),
            "failed_writes": Counter("saccade_capture_failed_writes", "Attempts that failed", registry=own),
        }
        self._capture_gauges = {
            "queued_bytes": _live_sum("saccade_capture_queued_bytes", "Memory of records that wait", own),
            "spooled_bytes": _live_sum("saccade_capture_spooled_bytes", "Local disk that waiting files take", own),
        }

    def model(self, info: BundleInfo, precision: str) -> "ModelMetrics":
        """Returns what counts for one model."""
        return ModelMetrics(self, info, precision)

    def request_rejected(self, reason: str) -> None:
        """reason: the code of the error; there are few."""
        self.rejections.labels(reason).inc()

    def capture_changed(self, changes: Mapping[str, int]) -> None:
        """changes: what is to be added to fields of CaptureStats."""
        for name, change in changes.items():
            if change and name in self._capture_counters:
                self._capture_counters[name].inc(change)
            elif change and name in self._capture_gauges:
                self._capture_gauges[name].inc(change)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Returns all metrics in the format that an Accept header prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class ModelMetrics:
    """The metrics of one served model. Its series are looked up once."""

    def __init__(self, metrics: Metrics, info: BundleInfo, precision: str) -> None:
        self._metrics, self._model = metrics, (info.name, info.version)
        self._info = (*self._model, precision, info.dataset_id)
        self._prepare, self._infer, self._predict, self._batches = (
            histogram.labels(*self._model)
            for histogram in (metrics.prepare, metrics.infer, metrics.predict, metrics.batches)
        )
        # Made now, so that a class never answered reads 0.
        self._answers = [metrics.answers.labels(*self._model, label) for label in info.classes]
        self._ood = metrics.ood.labels(*self._model)

    def serve(self) -> None:
        """Lists the model as served."""
        self._metrics.info.labels(*self._info).set(1)

    def watch(self, queued_images: Callable[[], int], is_ready: Callable[[], bool]) -> None:
        """Asks these functions at every scrape of this process."""
        self._metrics.queued.labels(*self._model).set_function(queued_images)
        self._metrics.ready.labels(*self._model).set_function(is_ready)

    def retire(self) -> None:
        """Lists the model no longer, and asks nothing of it. Its counters stay, as those of Prometheus never fall."""
        self._metrics.info.remove(*self._info)
        self._metrics.queued.remove(*self._model)
        self._metrics.ready.remove(*self._model)

    def request_answered(self, protocol: str, seconds: float, answers: Sequence[Any]) -> None:
        """answers: of saccade_native, without an error."""
        self._metrics.requests.labels(*self._model, protocol).observe(seconds)
        for answer in answers:
            self._prepare.observe(answer.prepare_seconds)
            self._infer.observe(answer.infer_seconds)
            self._answers[answer.label].inc()
            if answer.is_ood:
                self._ood.inc()

    def images_taken(self, waited_s: Sequence[float]) -> None:
        """Counts images that leave the queue. waited_s: how long each was in it."""
        queue = self._metrics.queue.labels(*self._model)  # not made before: behind TorchServe nothing is known of it
        for seconds in waited_s:
            queue.observe(seconds)

    def batch_predicted(self, images: int, seconds: float) -> None:
        """Counts one call of the predictor."""
        self._batches.observe(images)
        self._predict.observe(seconds)


def _histogram(
    name: str, what: str, labels: Sequence[str], buckets: Sequence[float], registry: CollectorRegistry
) -> Histogram:
    return Histogram(name, what, labels, buckets=buckets, registry=registry)


def _live_sum(name: str, what: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, what, multiprocess_mode="livesum", registry=registry)
