"""What Prometheus reads of a real TorchServe, and what its log and answers tell of traces."""

import base64
import http.client
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from saccade.core.errors import UsageError
from saccade.serving.torchserve.metrics_door import MetricsDoor
from saccade.serving.torchserve.server import TorchServe
from saccade.steps.publish import publish

pytestmark = pytest.mark.integration
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HOSTILE = 'x"} 1\nevil_total{a="'


@pytest.fixture(scope="module")
def server(colour_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    store = tmp_path_factory.mktemp("store") / "model_store"
    publish(colour_bundle, store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SACCADE_LOG_FORMAT", "json")
        with TorchServe(store, log_dir=tmp_path_factory.mktemp("logs"), metrics_port=0) as running:
            yield running


def ask(server: TorchServe, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def scrape(server: TorchServe, accept: str = "") -> str:
    assert server.metrics_url is not None
    request = urllib.request.Request(server.metrics_url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read().decode()


def samples(server: TorchServe) -> dict[str, float]:
    return {
        sample.name
        + "".join(f"|{text}" for label, text in sample.labels.items() if label not in ("model", "version")): (
            sample.value
        )
        for family in text_string_to_metric_families(scrape(server))
        for sample in family.samples
    }


def grown(server: TorchServe, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in samples(server).items() if "_created" not in name}


def test_counts_are_those_of_what_was_asked(server, colour_image):
    before = samples(server)
    red, blue = colour_image("red", 1), colour_image("blue", 2)
    both = json.dumps({"instances": [{"b64": base64.b64encode(image).decode()} for image in (red, blue)]}).encode()
    assert ask(server, "/predictions/colours", red)[0] == 200
    assert ask(server, "/v1/models/colours:predict", both, Content_Type="application/json")[0] == 200
    assert ask(server, "/predictions/colours", b"no image")[0] == 400
    assert ask(server, "/predictions/nobody", red)[0] == 404
    after = grown(server, before)
    expected = {
        "saccade_request_seconds_count|raw": 1,
        "saccade_request_seconds_count|v1": 1,
        "saccade_prepare_seconds_count": 3,
        "saccade_infer_seconds_count": 3,
        "saccade_batch_images_count": 3,
        "saccade_batch_images_sum": 4,
        "saccade_predict_seconds_count": 3,
        "saccade_answers_total|red": 2,
        "saccade_answers_total|blue": 1,
        "saccade_answers_total|green": 0,
        "saccade_rejections_total|unknown_format": 1,
    }
    assert {name: after[name] for name in expected} == expected
    assert after["saccade_request_seconds_sum|raw"] > 0


def test_frontends_own_metrics_are_there_too(server, colour_image):
    def asked() -> float:
        return sum(value for name, value in samples(server).items() if name.startswith("ts_inference_requests_total"))

    before = asked()
    ask(server, "/predictions/colours", colour_image("red", 1))
    assert asked() == before + 1


def test_both_formats_are_read_by_the_parsers_of_prometheus(server):
    families = {family.name for family in open_metrics(scrape(server, "application/openmetrics-text; version=1.0.0"))}
    assert {"saccade_request_seconds", "saccade_answers", "ts_inference_requests"} <= families


def test_every_metric_is_in_the_documents(server):
    found = set(re.findall(r"^# TYPE (saccade_\w+)", scrape(server), re.MULTILINE))
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
    assert found <= set(re.findall(r"^\| `(saccade_\w+)", page.read_text(), re.MULTILINE))


def test_clients_cannot_make_labels(server, colour_image):
    red = colour_image("red", 1)
    ask(server, "/predictions/colours", red)
    before = {name for name in samples(server) if name.startswith("saccade")}
    document = {"inputs": [{"name": HOSTILE, "shape": [1], "datatype": HOSTILE, "data": [HOSTILE]}], "id": HOSTILE}
    ask(server, "/predictions/evil%22%7D", red)
    ask(server, "/v2/models/colours/infer", json.dumps(document).encode(), Content_Type="application/json")
    ask(server, "/predictions/colours", red, X_Request_Id="evil{}", traceparent="evil")
    new = {name for name in samples(server) if name.startswith("saccade")} - before
    assert new <= {"saccade_rejections_total|invalid_request"}
    assert "evil" not in "".join(line for line in scrape(server).splitlines() if line.startswith("saccade"))


def test_counts_outlive_a_killed_worker(server, colour_image, wait_until):
    red = colour_image("red", 1)
    ask(server, "/predictions/colours", red)
    before = samples(server)
    (worker,) = [p for p in processes(server) if any("model_service_worker" in word for word in p.cmdline())]
    worker.kill()
    worker.wait(10)
    wait_until(lambda: ask(server, "/predictions/colours", red)[0] == 200)
    after = samples(server)
    assert after["saccade_answers_total|red"] == before["saccade_answers_total|red"] + 1
    assert [value for name, value in after.items() if name.startswith("saccade_model_info")] == [1]


def test_trace_is_continued_in_the_answer_and_the_log(server, wait_until):
    status, headers, _ = ask(
        server, "/predictions/colours", b"no image", traceparent=f"00-{TRACE}-{SPAN}-01", X_Request_Id="traced"
    )
    assert status == 400
    found = re.fullmatch(rf"00-{TRACE}-([0-9a-f]{{16}})-01", headers["traceparent"])
    assert found
    assert found[1] != SPAN
    line = wait_until(lambda: re.search(r"\{.*\"request_id\": \"traced\".*\}", server.log.read_text()))
    fields = json.loads(line[0])
    assert (fields["trace_id"], fields["span_id"], fields["status"]) == (TRACE, found[1], 400)
    assert (fields["code"], fields["model"], fields["version"]) == ("unknown_format", "colours", "7")


def test_taken_port_is_a_usage_error_that_names_it(server, tmp_path):
    assert server.metrics_url is not None
    port = int(re.search(r":(\d+)/", server.metrics_url)[1])
    with pytest.raises(UsageError, match=f"at port {port} .* --metrics-port"):
        MetricsDoor(server.host, port, worker_dir=tmp_path, frontend_socket=tmp_path / "none")


def test_door_without_a_frontend_still_answers(tmp_path):
    door = MetricsDoor("127.0.0.1", 0, worker_dir=tmp_path, frontend_socket=tmp_path / "none")
    with urllib.request.urlopen(f"http://127.0.0.1:{door.port}/metrics", timeout=30) as response:
        assert response.status == 200
    door.close()


def processes(server: TorchServe) -> list[psutil.Process]:
    """Of the server: those below this process."""
    return psutil.Process().children(recursive=True)
