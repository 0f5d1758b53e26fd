"""The pipeline as data: its tensors, its models, and the Triton configs made from them."""
