"""Muon against singular value decomposition and sums by hand."""

import pytest
import torch

from saccade.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(8, 8), (16, 54), (54, 16)])
def test_orthogonalized_keeps_singular_vectors_and_brings_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    in_basis = left.T @ orthogonalized(matrix) @ right.T
    values = in_basis.diagonal()
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.3
    assert float((in_basis - torch.diag(values)).abs().max()) < 0.05  # bfloat16


def test_orthogonalized_zero_stays_zero() -> None:
    assert not orthogonalized(torch.zeros(3, 5)).any()


def test_orthogonalized_keeps_dtype() -> None:
    assert orthogonalized(torch.ones(2, 3)).dtype == torch.float32


def test_orthogonalized_direction_does_not_depend_on_scale() -> None:
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonalized(1024 * matrix), orthogonalized(matrix), atol=1e-6, rtol=0)


def test_step_brings_filters_to_norm_root_of_their_number() -> None:
    filters = torch.nn.Parameter(torch.ones(4, 1, 1, 1) * 3)
    filters.grad = torch.zeros_like(filters)
    Muon([filters], lr=0.1).step()
    assert filters.flatten().tolist() == [1, 1, 1, 1]  # norm 6 becomes norm 2; a zero gradient moves nothing


def test_step_moves_against_the_gradient_by_about_the_learning_rate() -> None:
    filters = torch.nn.Parameter(torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))
    filters.grad = torch.tensor([0.0, 5.0]).view(1, 2, 1, 1)
    Muon([filters], lr=0.1).step()
    first, second = filters.flatten().tolist()
    assert first == 1.0
    assert -0.13 < second < -0.03


def test_step_without_gradient_changes_nothing() -> None:
    filters = torch.nn.Parameter(torch.ones(2, 1, 1, 1) * 3)
    Muon([filters], lr=0.1).step()
    assert filters.flatten().tolist() == [3, 3]
