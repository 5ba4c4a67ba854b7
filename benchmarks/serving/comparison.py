"""Two servers' loads as result rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common import row

from serving.load import Load
from serving.servers import Server


@dataclass(frozen=True)
class Comparison:
    """The same work for several servers. more: what else was seen of a server, by name."""

    work: str
    servers: Mapping[str, Server]
    loads: Mapping[str, Load]
    rounds: int
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def rows(self, ours: str, theirs: str, *, rate: float, p99: float | None = None) -> list[dict[str, Any]]:
        """Returns a row of the rate, and one of the p99 where it has a target; both are ratios to reach."""
        rows = [self._rate(ours, theirs, rate)]
        if p99 is not None:
            rows.append(self._p99(ours, theirs, p99))
        return rows

    def _rate(self, ours: str, theirs: str, target: float) -> dict[str, Any]:
        found = row(
            f"{self.work}: {self.servers[ours].name}",
            "requests/s",
            round(self.loads[ours].rate, 1),
            against=self.servers[theirs].name,
            theirs=round(self.loads[theirs].rate, 1),
            target_ratio=target,
            rounds=self.rounds,
        )
        return {**found, "ours_in_full": self._in_full(ours), "theirs_in_full": self._in_full(theirs)}

    def _p99(self, ours: str, theirs: str, target: float) -> dict[str, Any]:
        return row(
            f"{self.work}: {self.servers[ours].name}, p99",
            "ms",
            round(self.loads[ours].p99_ms, 1),
            against=self.servers[theirs].name,
            theirs=round(self.loads[theirs].p99_ms, 1),
            target_ratio=target,
            rounds=self.rounds,
            higher_is_better=False,
        )

    def _in_full(self, name: str) -> dict[str, Any]:
        server = self.servers[name]
        return {"agreement": round(server.agreement, 4), **rounded(self.loads[name]), **self.more.get(name, {})}


def rounded(load: Load) -> dict[str, float]:
    """Every figure to three decimals."""
    return {name: round(value, 3) for name, value in asdict(load).items()}
