"""Cases of the W3C's own text and of its test suite (github.com/w3c/trace-context, test/test.py)."""

import re

import pytest

from saccade.serving.trace import TraceContext, continued_trace

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"
CONTINUED = [
    (GOOD, 1),
    (f"00-{TRACE}-{SPAN}-00", 0),
    (f"00-{TRACE}-{SPAN}-03", 3),
    (f"00-{TRACE}-{SPAN}-ff", 3),  # unknown flags are not passed on
    (f"cc-{TRACE}-{SPAN}-01", 1),
    (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
]
REPLACED = [
    "",
    "garbage",
    f"00-{TRACE}-{SPAN}-01-",
    f"00-{TRACE}-{SPAN}-01-what",
    f"cc-{TRACE}-{SPAN}-01.what",
    f"ff-{TRACE}-{SPAN}-01",
    f"0-{TRACE}-{SPAN}-01",
    f".0-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE[:-1]}-{SPAN}-01",
    f"00-{TRACE}0-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}-.0",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f" {GOOD}",
    f"{GOOD}\n",
    f"{GOOD}\r\nSet-Cookie: a=b",
]
STATES = [
    (["congo=t61rcWkgMzE"], "congo=t61rcWkgMzE"),
    (["foo=1", "bar=2"], "foo=1,bar=2"),
    (["foo=1 \t , \t bar=2, "], "foo=1,bar=2"),
    (["", ""], ""),
    (["t@v=1,f_-*/@v_-*/=ok"], "t@v=1,f_-*/@v_-*/=ok"),
    (["foo=" + " inner blank" * 3], "foo=" + " inner blank" * 3),
    (["foo=" + "v" * 256], "foo=" + "v" * 256),
    (["foo=" + "v" * 257], ""),
    (["z" * 257 + "=1"], ""),
    (["foo=1,foo=2"], ""),
    (["Foo=1"], ""),
    (["foo"], ""),
    (["foo=1=2"], ""),
    (["foo@=1"], ""),
    (["@foo=1"], ""),
    (["foo@bar@baz=1"], ""),
    (["foo=\u00e4"], ""),
    (["foo=a\r\nSet-Cookie: b"], ""),
    ([",".join(f"k{number}=1" for number in range(32))], ",".join(f"k{number}=1" for number in range(32))),
    ([",".join(f"k{number}=1" for number in range(33))], ""),
]


@pytest.mark.parametrize(("traceparent", "flags"), CONTINUED)
def test_trace_is_continued_with_a_span_of_our_own(traceparent, flags):
    context = continued_trace([traceparent], [])
    assert (context.trace_id, context.flags) == (TRACE, flags)
    assert re.fullmatch("[0-9a-f]{16}", context.span_id)
    assert context.span_id != SPAN


@pytest.mark.parametrize("traceparent", REPLACED)
def test_wrong_parent_starts_a_new_trace_without_the_old_state(traceparent):
    context = continued_trace([traceparent], ["congo=t61rcWkgMzE"])
    assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
    assert context.trace_id != TRACE
    assert context.state == ""


def test_two_parents_are_none():
    assert continued_trace([GOOD, GOOD], []).trace_id != TRACE
    assert continued_trace([], []).trace_id != continued_trace([], []).trace_id


@pytest.mark.parametrize(("headers", "state"), STATES)
def test_state_is_passed_on_only_when_it_is_right(headers, state):
    assert continued_trace([GOOD], headers).state == state


def test_headers_of_the_answer_name_our_span():
    assert TraceContext(TRACE, SPAN, 1, "a=b").headers == {"traceparent": GOOD, "tracestate": "a=b"}
    assert TraceContext(TRACE, SPAN, 1).headers == {"traceparent": GOOD}
