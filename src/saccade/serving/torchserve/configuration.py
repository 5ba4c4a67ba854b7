"""How TorchServe runs: its config.properties, its Java options and its logging."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Two batches share 16 busy connections then: one is computed while the other's answers are sent and its clients ask
# again. (ResNet-18, 2 processors: 175 requests/s; 126 with batches of 32, which every client waits for.)
BATCH_SIZE = 8
# TorchServe waits this long for another request, so it is added to a lone request's latency. What arrives while a batch
# is computed waits in the queue anyway.
MAX_BATCH_DELAY_MS = 1
RESPONSE_TIMEOUT_S = 60  # a worker that takes longer for one batch is killed and started again
JOB_QUEUE_SIZE = 512  # requests; more are refused with 503. At 100 a second a worker may be away for 5 s.
MAX_BODY_BYTES = 64 << 20
MANAGEMENT_SOCKET, METRICS_SOCKET = "management.sock", "metrics.sock"

# A multicast group: a TCP socket may be bound to it, but no packet of TCP ever arrives there. TorchServe's gRPC cannot
# be switched off, and on loopback its management would let every user of the machine register a directory as a model.
UNREACHABLE = "224.0.0.1"

# One C1 compiler and a serial collector start quickest and hold the least memory. Bodies that arrive are off the heap:
# 512 MiB hold eight of the largest; then TorchServe hangs up on clients that still send.
JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xms64m",
    "-Xmx1g",
    "-XX:MaxDirectMemorySize=512m",
    "-Dfile.encoding=UTF-8",
)

# Warnings of the server and every line of the workers, but not one line a batch, nor three for each question to the
# management socket, that it has not the options of TCP.
LOG4J_PROPERTIES = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %t %c{1} - %m%n
appender.console.filter.batch.type = RegexFilter
appender.console.filter.batch.regex = Backend received inference at.*
appender.console.filter.batch.onMatch = DENY
appender.console.filter.batch.onMismatch = NEUTRAL
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.options.name = io.netty.bootstrap
logger.options.level = error
logger.workers.name = MODEL_LOG
logger.workers.level = info
"""


# For a version that is added to a running server; one with which it starts is described in its config.properties.
REGISTRATION_OPTIONS = {
    "batch_size": BATCH_SIZE,
    "max_batch_delay": MAX_BATCH_DELAY_MS,
    "response_timeout": RESPONSE_TIMEOUT_S,
}

# A model that can have no worker: there is none of that runtime, and no second attempt to start it.
UNREADY_VERSION = "none"
UNREADY_MANIFEST = {
    "createdOn": "01/01/1970 00:00:00",
    "runtime": "LSP",
    "model": {"modelName": "", "handler": "none", "modelVersion": UNREADY_VERSION, "configFile": "model-config.yaml"},
    "archiverVersion": "0.12.0",
}
UNREADY_CONFIG = "maxRetryTimeoutInSec: 0\n"


@dataclass(frozen=True)
class ServedModel:
    """One archive of a model store."""

    name: str
    version: str
    archive: str  # file name inside model-store/


def config_properties(models: Sequence[ServedModel]) -> str:
    """Returns the config.properties that serves the models.

    Everything is bound to loopback; in a pod the environment opens one door: TS_INFERENCE_ADDRESS=http://0.0.0.0:8080.
    KServe's request envelopes (TS_SERVICE_ENVELOPE) must stay off: they keep one request of every batch. The handler
    speaks V1 and V2 itself.
    """
    return properties(
        {
            "inference_address": "http://127.0.0.1:8080",
            "management_address": "http://127.0.0.1:8081",
            "metrics_address": "http://127.0.0.1:8082",
            "grpc_inference_address": "127.0.0.1",
            "grpc_management_address": "127.0.0.1",
            "enable_envvars_config": "true",
            "enable_model_api": "false",  # no model can be added or removed over the network
            "disable_token_authorization": "true",  # or every curl would need a token that expires hourly
            "allowed_urls": "none",  # a pattern that no URL matches: models come from the store alone
            "ts_open_inference_protocol": "true",
            "decode_input_request": "false",  # the handler reads JSON itself and says what is wrong with it
            "metrics_mode": "prometheus",
            "disable_system_metrics": "true",  # TorchServe would start a Python process a minute for them
            "default_workers_per_model": "1",  # the native code of one worker uses all cores
            "default_response_timeout": str(RESPONSE_TIMEOUT_S),
            "job_queue_size": str(JOB_QUEUE_SIZE),
            "max_request_size": str(MAX_BODY_BYTES),
            "max_response_size": str(MAX_BODY_BYTES),
            "vmargs": " ".join(JAVA_OPTIONS),
            "load_models": ",".join(model.archive for model in models),
            "models": json.dumps(_versions(models)),
        }
    )


def private_properties(url: str, directory: Path) -> str:
    """Returns what a server of ours has otherwise than the published one: its address, and a management API.

    url: where inference listens.   directory: private, for the sockets of management and metrics.
    """
    return "\n" + properties(
        {
            "inference_address": url,
            "management_address": f"unix:{directory}/{MANAGEMENT_SOCKET}",
            "metrics_address": f"unix:{directory}/{METRICS_SOCKET}",
            "enable_model_api": "true",  # behind that socket alone
            "grpc_management_address": UNREACHABLE,
            "grpc_inference_port": "0",
            "grpc_management_port": "0",
            "enable_envvars_config": "false",
        }
    )


def write_unready_model(directory: Path) -> Path:
    """Writes a model that is never ready into directory and returns it. With it registered, so is the whole server."""
    model = directory / "unready"
    (model / "MAR-INF").mkdir(parents=True)
    (model / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(UNREADY_MANIFEST))
    (model / "model-config.yaml").write_text(UNREADY_CONFIG)
    return model


def properties(values: Mapping[str, str]) -> str:
    """Returns the text of a Java properties file. Of two such files in a row, the later value of a key counts."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in values.items())


def _versions(models: Sequence[ServedModel]) -> dict[str, dict[str, object]]:
    """Options by name and version. The first version of a name is its default."""
    versions: dict[str, dict[str, object]] = {}
    for model in models:
        named = versions.setdefault(model.name, {})
        named[model.version] = _model_options(model, is_default=not named)
    return versions


def _model_options(model: ServedModel, is_default: bool) -> dict[str, object]:
    return {
        "defaultVersion": is_default,
        "marName": model.archive,
        "minWorkers": 1,
        "maxWorkers": 1,
        "batchSize": BATCH_SIZE,
        "maxBatchDelay": MAX_BATCH_DELAY_MS,
        "responseTimeout": RESPONSE_TIMEOUT_S,
    }


def _escaped(value: str) -> str:
    """Java reads a backslash as an escape and the file as Latin-1."""
    return value.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode("ascii")
