"""The fast network: whitening, shapes, precision."""

import pytest
import torch
import torch.nn.functional as F

from saccade.core.errors import SpecError
from saccade.models.custom_cnn import BiasNorm, Conv3x3, CustomCnn, Whitening, whitening_filters


@pytest.fixture
def correlated() -> torch.Tensor:
    """(200, 3, 8, 8): channels that lean on each other, and neighbours that do."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200, 3, 9, 9, generator=generator)
    smooth = noise[:, :, 1:, 1:] + 0.5 * noise[:, :, :-1, 1:] + 0.5 * noise[:, :, 1:, :-1]
    return smooth + smooth.mean(dim=1, keepdim=True)


@pytest.fixture
def grey() -> torch.Tensor:
    """(50, 3, 8, 8): three equal channels."""
    return torch.randn(50, 1, 8, 8, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1).contiguous()


def test_whitening_of_correlated_pixels_gives_uncorrelated_outputs_of_mean_square_one(correlated: torch.Tensor) -> None:
    filters = whitening_filters(correlated, epsilon=0.0)
    outputs = F.conv2d(correlated, filters[:12]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(outputs @ outputs.T / outputs.size(1), torch.eye(12), atol=1e-3, rtol=0)


def test_whitening_second_half_is_negative_of_the_first(correlated: torch.Tensor) -> None:
    filters = whitening_filters(correlated, epsilon=1e-3)
    assert torch.equal(filters[12:], -filters[:12])


def test_whitening_epsilon_bounds_the_gain_by_its_inverse_root(correlated: torch.Tensor) -> None:
    norms = whitening_filters(correlated, epsilon=4.0).flatten(1).norm(dim=1)
    assert float(norms.max()) <= 0.5


def test_whitening_of_grey_pixels_has_filters_only_for_four_directions(grey: torch.Tensor) -> None:
    filters = whitening_filters(grey, epsilon=1e-3)
    assert filters.flatten(1).any(dim=1).nonzero().flatten().tolist() == [0, 1, 2, 3, 12, 13, 14, 15]


def test_whitening_bias_without_filter_has_no_gradient(grey: torch.Tensor) -> None:
    whitening = Whitening()
    whitening.fit(grey, 1e-3)
    whitening(grey).sum().backward()
    assert whitening.bias.grad is not None
    assert whitening.bias.grad.nonzero().flatten().tolist() == [0, 1, 2, 3, 12, 13, 14, 15]


def test_convolution_starts_as_identity_on_its_inputs() -> None:
    pixels = torch.randn(2, 16, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Conv3x3(16, 32)(pixels)[:, :16], pixels)


def test_bias_norm_learns_bias_only() -> None:
    learned = [name for name, weight in BiasNorm(4).named_parameters() if weight.requires_grad]
    assert learned == ["bias"]


@pytest.mark.parametrize("size", [9, 24, 32, 64])
def test_custom_cnn_of_any_size_gives_logits_and_features(size: int) -> None:
    logits, features = CustomCnn(classes=7, size=size, width=0.25)(torch.zeros(2, 3, size, size))
    assert (logits.shape, features.shape) == ((2, 7), (2, 64))


def test_custom_cnn_below_nine_pixels_is_refused() -> None:
    with pytest.raises(SpecError, match="at least 9 px a side, not 8"):
        CustomCnn(classes=2, size=8)


def test_custom_cnn_in_bfloat16_answers_in_float32_close_to_float32(correlated: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = CustomCnn(classes=5, size=16, width=0.5).eval()
    pixels = F.interpolate(correlated[:8], size=(16, 16))
    model.whitening.fit(pixels, 1e-2)
    with torch.inference_mode():
        expected, (logits, features) = model(pixels)[0], model(pixels.bfloat16())
    assert logits.dtype == features.dtype == torch.float32
    torch.testing.assert_close(logits, expected, rtol=0, atol=0.05 * float(expected.abs().max()))


def test_custom_cnn_width_scales_channels_to_multiples_of_sixteen() -> None:
    channels = [group.conv2.out_channels for group in CustomCnn(classes=2, size=32, width=0.3).groups]  # type: ignore[union-attr]
    assert channels == [16, 80, 80]  # 19.2, 76.8 and 76.8 rounded
