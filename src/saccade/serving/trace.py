"""W3C Trace Context: which trace a request belongs to, and our place in it.

Source: https://www.w3.org/TR/trace-context-2/, chapters 3 and 4. We make no requests of our own: what is passed on goes
into the answer's headers and into the log.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
# A later version may append fields; what it shares with version 00 is read, as the standard asks.
_PARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_KEY = r"[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER = re.compile(rf"(?P<key>{_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS = 32
_RANDOM_FLAG = 0x02
_KNOWN_FLAGS = 0x01 | _RANDOM_FLAG  # sampled; the trace id is random


@dataclass(frozen=True)
class TraceContext:
    """Our own span of a trace."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16; new for every request
    flags: int
    state: str = ""  # of other vendors, unchanged

    @property
    def headers(self) -> dict[str, str]:
        """What goes into the answer."""
        parent = {TRACEPARENT: f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        return parent | ({TRACESTATE: self.state} if self.state else {})


def continued_trace(traceparents: Sequence[str], tracestates: Sequence[str]) -> TraceContext:
    """Returns a new span of the trace that a request's headers name, or of a new trace when they name none rightly.

    traceparents, tracestates: every value of the header of that name. A wrong tracestate is left out.
    """
    parent = _PARENT.fullmatch(traceparents[0]) if len(traceparents) == 1 else None
    if parent is None or not _is_valid(parent):
        return TraceContext(secrets.token_hex(16), secrets.token_hex(8), _RANDOM_FLAG)
    flags = int(parent["flags"], 16) & _KNOWN_FLAGS
    return TraceContext(parent["trace"], secrets.token_hex(8), flags, _valid_state(",".join(tracestates)))


def _is_valid(parent: re.Match[str]) -> bool:
    has_ids = parent["trace"].strip("0") != "" and parent["span"].strip("0") != ""
    return has_ids and parent["version"] != "ff" and (parent["version"] != "00" or parent["more"] is None)


def _valid_state(text: str) -> str:
    """Returns text if it is a list of up to 32 members with a key each, none twice; else nothing."""
    members = [member for member in (part.strip(" \t") for part in text.split(",")) if member]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match["key"] for match in matches if match is not None}
    return ",".join(members) if len(keys) == len(members) <= _MOST_MEMBERS else ""
