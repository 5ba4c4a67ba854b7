"""Which outputs a V2 request wants back, and in which form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saccade.serving.request_error import RequestError


@dataclass(frozen=True)
class Wanted:
    """Which outputs a V2 request asks for, and whether it wants them as bytes.

    outputs: name -> as bytes; None asks for all.   as_bytes: for outputs that do not say it themselves.
    """

    outputs: dict[str, bool] | None = None
    as_bytes: bool = False

    def choose(self, outputs: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], bool]]:
        """Returns (output, as bytes) in the order that the request asks for. Raises RequestError for an unknown one."""
        if self.outputs is None:
            return [(output, self.as_bytes) for output in outputs]
        by_name = {output["name"]: output for output in outputs}
        if unknown := sorted(self.outputs.keys() - by_name.keys()):
            raise RequestError(
                "unknown_output", f"There is no output '{unknown[0][:100]}'. The outputs are {', '.join(by_name)}."
            )
        return [(by_name[name], as_bytes) for name, as_bytes in self.outputs.items()]


ALL_AS_JSON = Wanted()


def parse_wanted(document: dict[str, Any]) -> Wanted:
    """Returns what the JSON object of a V2 request wants back. Raises RequestError."""
    as_bytes = parameter(document, "binary_data_output") is True
    outputs = document.get("outputs")
    if outputs is None:
        return Wanted(None, as_bytes)
    if not isinstance(outputs, list) or not all(
        isinstance(o, dict) and isinstance(o.get("name"), str) for o in outputs
    ):
        raise RequestError("invalid_request", "'outputs' must be a list of objects with a name.")
    named = {output["name"]: parameter(output, "binary_data") for output in outputs}
    return Wanted({name: as_bytes if own is None else own is True for name, own in named.items()} or None, as_bytes)


def parameter(owner: dict[str, Any], name: str) -> Any:
    """Returns the value of a V2 parameter of a request or a tensor, or None."""
    parameters = owner.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None
