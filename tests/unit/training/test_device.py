"""Where and in what format to compute."""

import torch

from saccade.training.device import _agrees, choose_device


def test_cpu_gets_the_threads_that_are_asked_for() -> None:
    before = torch.get_num_threads()
    compute = choose_device(threads=1)
    assert (compute.device.type != "cpu") or torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_rounding_to_bfloat16_agrees() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert _agrees(values.bfloat16(), values)


def test_one_wrong_value_does_not_agree() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    wrong = values.clone()
    wrong[17] += 1
    assert not _agrees(wrong, values)


def test_not_a_number_does_not_agree() -> None:
    assert not _agrees(torch.tensor([float("nan"), 1.0]), torch.tensor([1.0, 1.0]))
