"""A TorchServe handler that does nothing: what is left is TorchServe."""


class NothingHandler:
    """Answers every request with a constant."""

    def initialize(self, context: object) -> None:
        """Loads nothing."""

    def handle(self, rows: list[object], context: object) -> list[str]:
        """One body a request."""
        return ["{}"] * len(rows)
