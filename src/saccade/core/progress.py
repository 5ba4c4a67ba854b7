"""Progress of long work: a bar on a terminal, a plain line every few seconds anywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from tqdm import tqdm

from saccade.core.settings import read_settings

PLAIN_LINE_INTERVAL_S = 5.0


class Progress(Protocol):
    """What the caller of progress() may do."""

    def update(self, n: int = 1) -> object: ...
    def set_postfix_str(self, text: str) -> None: ...


@contextmanager
def progress(total: int, title: str, unit: str) -> Iterator[Progress]:
    """Yields a counter that shows done, rate and time left on stderr (or on SACCADE_PROGRESS_TTY)."""
    terminal = _terminal()
    if terminal is None:
        plain = _PlainProgress(total, title, unit)
        yield plain
        plain.finish()
        return
    with tqdm(total=total, desc=title, unit=unit, file=terminal, dynamic_ncols=True, leave=False) as bar:
        yield bar
    if terminal is not sys.stderr:
        terminal.close()


class _PlainProgress:
    def __init__(self, total: int, title: str, unit: str) -> None:
        self.total, self.title, self.unit = total, title, unit
        self.done = 0
        self.postfix = ""
        self.started = self.shown = time.monotonic()

    def update(self, n: int = 1) -> None:
        self.done += n
        if time.monotonic() - self.shown >= PLAIN_LINE_INTERVAL_S:
            self._show()

    def set_postfix_str(self, text: str) -> None:
        self.postfix = text

    def finish(self) -> None:
        self._show()

    def _show(self) -> None:
        self.shown = time.monotonic()
        seconds = max(self.shown - self.started, 1e-9)
        rate = self.done / seconds
        left = f", {(self.total - self.done) / rate:,.0f} s left" if 0 < self.done < self.total else ""
        postfix = f", {self.postfix}" if self.postfix else ""
        text = f"{self.title}: {self.done:,} of {self.total:,} {self.unit}, {rate:,.1f}/s{left}{postfix}"
        print(text, file=sys.stderr, flush=True)


def _terminal() -> TextIO | None:
    if sys.stderr.isatty():
        return sys.stderr
    device = read_settings().progress_tty
    return device.open("w") if device else None
