"""What the export to torch's engine refuses; what it makes is tested in tests/integration/test_inductor.py."""

import pytest
import torch
from torch import nn

from saccade.core.errors import UsageError
from saccade.models.export_inductor import export_inductor


class MeanColour(nn.Module):
    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means = pixels.mean((2, 3))
        return 2 * means, means


def test_machine_without_a_compiler_is_told_what_to_install(tmp_path):
    with (
        torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler")}),
        pytest.raises(UsageError, match=r"no C\+\+ compiler.*Install g\+\+"),
    ):
        export_inductor(MeanColour(), 8, tmp_path)
    assert not list(tmp_path.iterdir())
