"""One seed for every generator of a step."""

import hashlib


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Returns a 32-bit seed for one purpose, so that adding a consumer never shifts another's random numbers."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
