"""Muon for convolution filters, after airbench94_muon (Jordan 2024). torch.optim.Muon takes only 2D parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor

NEWTON_SCHULZ_STEPS = 3
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # steepest at zero; singular values end in about [0.5, 1.5]


class Muon(torch.optim.Optimizer):
    """Moves each filter bank along its orthogonalised momentum, after scaling the bank to norm sqrt(filters).

    A norm layer must follow each convolution: the scale of the filters then has no effect on the output, and weight
    decay on them would be undone by the scaling. Parameters are (outputs, ...), seen as matrices (outputs, rest).
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.6) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # as torch's, but the loss is not needed
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group["lr"], group["momentum"])

    def _update(self, parameter: Tensor, gradient: Tensor, lr: float, momentum: float) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"].mul_(momentum).add_(gradient)
        direction = gradient.add(buffer, alpha=momentum)  # Nesterov
        parameter.mul_(len(parameter) ** 0.5 / parameter.norm())
        parameter.add_(orthogonalized(direction.flatten(1)).view_as(parameter), alpha=-lr)


def orthogonalized(matrix: Tensor) -> Tensor:
    """Returns the matrix with its singular values brought near 1 and its singular vectors kept, in its own dtype.

    matrix: (rows, columns).   Computed in bfloat16 by three Newton-Schulz steps; a zero matrix stays zero.
    """
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    wide = matrix.T if len(matrix) > matrix.size(1) else matrix  # the smaller Gram matrix
    x = wide.bfloat16()
    x = x / (x.norm() + 1e-7)  # the largest singular value is at most 1
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result = x.T if wide is not matrix else x
    return result.to(matrix.dtype)
