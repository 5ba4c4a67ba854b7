"""Stands in for torch in TorchServe's worker: it lies in the archive as torch.py, first on the worker's path.

The worker (ts/protocol/otf_message_handler.py of TorchServe 0.12) imports torch only to ask whether an answer is a
tensor. Our answers are bytes and our engine is not torch. Without the real torch a worker starts in 0.3 s, not 3.6 s,
and holds 26 MB, not 660 MB, before it loads the model (2 cores, torch 2.15, 2026-11-20).
"""


class Tensor:
    """No answer of ours is one."""
