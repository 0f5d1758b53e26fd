"""The chain hands tensors from step to step, and asks before every step how many threads it may use."""

import io

import numpy as np
from PIL import Image

from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COARSE_SEGMENTATION, DECODE, PREPROCESS, Model


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "gray").save(file, "PNG")
    return file.getvalue()


def test_every_step_is_told_its_threads_as_a_number() -> None:
    given: list[tuple[str, int | None]] = []

    def opened(model: Model) -> Runner:
        def run(inputs: Arrays, threads: int | None) -> Arrays:
            assert set(inputs) == {tensor.name for tensor in model.inputs}
            given.append((model.name, threads))
            return {tensor.name: np.zeros((1, *tensor.dims), np.float32) for tensor in model.outputs}

        return run

    chain = Chain((DECODE, PREPROCESS, COARSE_SEGMENTATION), opened)
    free, seen = iter((4, 2, 1)), []
    tensors = chain.run(photo(), lambda: next(free), lambda model, seconds: seen.append(model))
    assert given == [("preprocess", 2), ("coarse_segmentation", 1)]
    assert seen == [DECODE, PREPROCESS, COARSE_SEGMENTATION]
    assert {tensor.name for model in seen for tensor in model.outputs} <= set(tensors)
    chain.run(photo())
    assert given[2:] == [("preprocess", None), ("coarse_segmentation", None)]
