"""What Prometheus reads, with Prometheus's own parser and the rules of `promtool check metrics`."""

import re
from types import SimpleNamespace

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from saccade.serving.metrics import Metrics, ModelMetrics

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
NOT_BASE_UNITS = ("milliseconds", "microseconds", "minutes", "hours", "kilobytes", "megabytes", "kib", "mib", "percent")

COLOURS = SimpleNamespace(name="colours", version="7", classes=["blue", "green", "red"], dataset_id="d" * 64)


def answer(label: int, is_ood: bool = False, prepare_seconds: float = 0.003) -> SimpleNamespace:
    return SimpleNamespace(label=label, is_ood=is_ood, prepare_seconds=prepare_seconds, infer_seconds=0.02)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def model(metrics) -> ModelMetrics:
    model = metrics.model(COLOURS, "f32")
    model.serve()
    model.watch(lambda: 3, lambda: True)
    return model


@pytest.fixture
def families(metrics, model) -> list[Metric]:
    """After one request of two images and one that was refused."""
    model.images_taken([0.001, 0.2])
    model.batch_predicted(2, 0.04)
    model.request_answered("v2", 0.3, [answer(0), answer(2, is_ood=True, prepare_seconds=0.03)])
    metrics.request_rejected("overloaded")
    metrics.capture_changed({"added": 5, "written": 3, "dropped": 2, "queued_bytes": -7, "failed_writes": 0})
    return list(plain_text(metrics.scrape("")[0].decode()))


def values(families: list[Metric]) -> dict[str, float]:
    """name{labels but the model's} -> value."""
    return {
        sample.name + "".join(f"|{text}" for name, text in sample.labels.items() if name not in ("model", "version")): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def test_counts_are_those_of_what_was_asked(families):
    found = values(families)
    expected = {
        "saccade_request_seconds_count|v2": 1,
        "saccade_request_seconds_sum|v2": 0.3,
        "saccade_queue_seconds_count": 2,
        "saccade_queue_seconds_bucket|0.001": 1,
        "saccade_queue_seconds_bucket|0.25": 2,
        "saccade_prepare_seconds_count": 2,
        "saccade_prepare_seconds_sum": 0.033,
        "saccade_infer_seconds_bucket|0.025": 2,
        "saccade_infer_seconds_bucket|0.01": 0,
        "saccade_predict_seconds_sum": 0.04,
        "saccade_batch_images_bucket|2.0": 1,
        "saccade_answers_total|blue": 1,
        "saccade_answers_total|green": 0,
        "saccade_answers_total|red": 1,
        "saccade_out_of_distribution_answers_total": 1,
        "saccade_rejections_total|overloaded": 1,
        "saccade_queued_images": 3,
        "saccade_ready": 1,
        "saccade_capture_written_records_total": 3,
        "saccade_capture_dropped_records_total": 2,
        "saccade_capture_failed_writes_total": 0,
        "saccade_capture_queued_bytes": -7,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_model_is_described(families):
    (info,) = [family for family in families if family.name == "saccade_model_info"]
    (sample,) = info.samples
    assert sample.value == 1
    assert {"model": "colours", "version": "7", "precision": "f32"}.items() <= sample.labels.items()


def test_retired_model_is_listed_no_longer_but_its_counters_stay(metrics, model, families):
    model.retire()
    after = {family.name for family in plain_text(metrics.scrape("")[0].decode()) if family.samples}
    assert after & {"saccade_model_info", "saccade_ready", "saccade_queued_images"} == set()
    assert "saccade_answers" in after


def test_both_formats_hold_the_same_values(metrics, families):
    content, content_type = metrics.scrape(OPEN_METRICS)
    assert content_type.startswith("application/openmetrics-text")
    both = values(families), values(list(open_metrics(content.decode())))
    plain, opened = ({name: v for name, v in found.items() if "saccade" in name} for found in both)
    assert {name: v for name, v in opened.items() if not re.search("_created", name)} == (
        {name: v for name, v in plain.items() if not re.search("_created", name)}
    )


def test_names_follow_the_conventions_of_prometheus(families):
    ours = [family for family in families if family.name.startswith("saccade_") and "_created" not in family.name]
    assert len(ours) == 17
    for family in ours:
        names = {sample.name for sample in family.samples}
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        assert not re.search(r"_(gauge|counter|histogram|summary)(_|$)", family.name)
        assert not any(unit in family.name for unit in NOT_BASE_UNITS)
        assert (family.type == "counter") == any(name.endswith("_total") for name in names)
        assert family.type != "gauge" or not re.search(r"_(total|count|sum|bucket)$", family.name)
        assert family.type != "histogram" or family.name.endswith(("_seconds", "_images"))


def test_histograms_are_cumulative_and_end_with_everything(families):
    for family in [family for family in families if family.type == "histogram"]:
        buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
        count = next(sample.value for sample in family.samples if sample.name.endswith("_count"))
        assert buckets == sorted(buckets)
        assert buckets[-1] == count
