"""The contract names every tensor and model once, and its sizes fit together."""

from collections.abc import Iterator

import pytest

from ensemble import contract
from ensemble.contract import MODELS, DType, Model, Tensor
from ensemble.entry import FILTERS

TENSORS = {name: value for name, value in vars(contract).items() if isinstance(value, Tensor)}


def used() -> Iterator[Tensor]:
    for model in MODELS:
        yield from (*model.inputs, *model.outputs)


def test_every_name_stands_for_one_tensor() -> None:
    names = [tensor.name for tensor in TENSORS.values()]
    assert len(set(names)) == len(names)
    assert set(used()) == set(TENSORS.values())


def test_a_constant_is_called_as_its_tensor() -> None:
    assert {name: tensor.name.upper() for name, tensor in TENSORS.items()} == {name: name for name in TENSORS}


def test_models_have_names_of_their_own_and_say_what_they_do() -> None:
    names = [model.name for model in MODELS]
    assert len(set(names)) == len(names)
    assert all(model.doc and model.inputs and model.outputs for model in MODELS)
    assert all(tensor.doc for tensor in TENSORS.values())


def test_only_what_the_request_decides_is_of_variable_length() -> None:
    variable = {tensor for tensor in used() if -1 in tensor.dims}
    numbers = {contract.SCORE, contract.COSINE, contract.CORRELATION, contract.ANGLE}
    assert variable == {contract.COIN_ID, contract.ENTRY, *numbers}
    assert all(size == -1 or size >= 1 for tensor in used() for size in tensor.dims)


def test_a_model_cannot_name_a_tensor_twice() -> None:
    image = Tensor("image", DType.FP32, (3,), "")
    with pytest.raises(ValueError, match=r"model twice names a tensor twice: \['image', 'image'\]"):
        Model("twice", (image,), (image,), "")


def test_sizes() -> None:
    assert contract.CANVAS_SIZE % contract.IMAGE_SIZE == contract.IMAGE_SIZE % contract.COARSE_SIZE == 0
    assert 2 * contract.COIN_RADIUS < contract.IMAGE_SIZE  # the whole rim is in the picture
    assert 1 <= contract.DEFAULT_K <= contract.MAX_K
    assert 0 < contract.MASK_THRESHOLD < 1


def test_every_answer_says_how_sure_it_is() -> None:
    for model in (contract.SEARCH, contract.COIN_SEARCH):
        assert {contract.SCORE, contract.KNOWN, contract.MARGIN} <= set(model.outputs)


def test_filters_are_not_mistaken_for_each_other() -> None:
    assert len(set(FILTERS)) == len(FILTERS)
    assert not any(name.startswith(contract.METADATA_FILTER) for name in FILTERS)
