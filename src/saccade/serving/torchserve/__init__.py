"""Front door 1: TorchServe, and what keeps it answering."""
