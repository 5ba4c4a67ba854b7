"""How TorchServe runs: its config.properties, its Java options and its logging."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BATCH_SIZE = 32
# TorchServe waits this long for another request, so it is added to a lone request's latency. What arrives while a batch
# is computed waits in the queue anyway: at 1 ms, 16 busy connections were seen to fill batches of 10 to 15.
MAX_BATCH_DELAY_MS = 1
RESPONSE_TIMEOUT_S = 60  # a worker that takes longer for one batch is killed and started again
JOB_QUEUE_SIZE = 256  # requests; more are refused with 503
MAX_BODY_BYTES = 64 << 20

# One C1 compiler and a serial collector start quickest and hold the least memory; netty's buffers are off the heap.
JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx1g", "-Dfile.encoding=UTF-8")

# Warnings of the server and every line of the workers, but not one line a batch.
LOG4J_PROPERTIES = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} - %m%n
appender.console.filter.batch.type = RegexFilter
appender.console.filter.batch.regex = Backend received inference at.*
appender.console.filter.batch.onMatch = DENY
appender.console.filter.batch.onMismatch = NEUTRAL
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.workers.name = MODEL_LOG
logger.workers.level = info
"""


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
