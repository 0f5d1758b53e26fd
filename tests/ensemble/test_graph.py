"""The wiring of the ensembles holds, broken wirings are refused, and the placements make sense."""

from dataclasses import replace

import pytest

from ensemble.contract import (
    CATALOG,
    COARSE_MASK,
    COARSE_SEGMENTATION,
    COIN_EMBEDDING,
    COIN_ENROLL,
    COIN_SEARCH,
    COMPUTE_MODELS,
    DECODE,
    EMBEDDER,
    EMBEDDING_SIZE,
    ENROLL,
    ENSEMBLES,
    IMAGE,
    MODELS,
    PREPROCESS,
    PYTHON_MODELS,
    SEARCH,
    DType,
    Model,
    Tensor,
)
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN, STEPS, Target, check_wiring, steps_of
from ensemble.placement import GEOMETRY, NETWORKS, PROFILE, placement


def with_step(number: int, model: Model) -> tuple[Model, ...]:
    """The way from the photo to the embedding with one step exchanged."""
    return (*FIND_COIN[:number], model, *FIND_COIN[number + 1 :])


@pytest.mark.parametrize("ensemble", ENSEMBLES, ids=lambda model: model.name)
def test_the_ensembles_are_wired(ensemble: Model) -> None:
    check_wiring(ensemble)
    assert STEPS[ensemble]


def test_every_ensemble_and_nothing_else_has_steps() -> None:
    assert set(STEPS) == set(ENSEMBLES)
    assert {model for steps in STEPS.values() for model in steps} <= {*COMPUTE_MODELS, *PYTHON_MODELS}


def test_an_input_that_nothing_makes() -> None:
    broken = with_step(2, replace(COARSE_SEGMENTATION, inputs=(replace(IMAGE, name="picture"),)))
    with pytest.raises(
        ValueError, match=r"coin_embedding: nothing makes picture; there are \['canvas', 'coarse_image'"
    ):
        check_wiring(COIN_EMBEDDING, broken)


def test_an_output_of_another_name_is_missed_by_what_takes_it() -> None:
    other = replace(COARSE_SEGMENTATION, outputs=(replace(COARSE_MASK, name="other"),))
    with pytest.raises(ValueError, match="nothing makes coarse_mask"):
        check_wiring(COIN_EMBEDDING, with_step(2, other))


def test_an_output_of_the_ensemble_that_nothing_makes() -> None:
    with pytest.raises(ValueError, match="coin_search: nothing makes coin_id"):
        check_wiring(COIN_SEARCH, FIND_COIN)
    with pytest.raises(ValueError, match="coin_embedding: nothing makes relief"):
        check_wiring(COIN_EMBEDDING, FIND_COIN[:-1])


def test_steps_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match="nothing makes canvas"):
        check_wiring(COIN_EMBEDDING, (PREPROCESS, DECODE, *FIND_COIN[2:]))


@pytest.mark.parametrize(
    "other", [replace(COARSE_MASK, dims=(1, 64, 64)), replace(COARSE_MASK, dtype=DType.UINT8)], ids=["shape", "type"]
)
def test_a_tensor_of_another_shape_or_type(other: Tensor) -> None:
    smaller = replace(COARSE_SEGMENTATION, outputs=(other,))
    with pytest.raises(ValueError, match=r"coin_embedding: coarse_mask is made as Tensor.* but used as Tensor"):
        check_wiring(COIN_EMBEDDING, with_step(2, smaller))


def test_an_output_of_another_shape() -> None:
    short = replace(EMBEDDER, outputs=(Tensor("embedding", DType.FP32, (1,), ""),))
    with pytest.raises(ValueError, match=rf"embedding is made as .*\(1,\).* but used as .*\({EMBEDDING_SIZE},\)"):
        check_wiring(COIN_EMBEDDING, with_step(6, short))


def test_a_tensor_made_twice() -> None:
    with pytest.raises(ValueError, match="coin_embedding: coarse_segmentation makes coarse_mask again"):
        check_wiring(COIN_EMBEDDING, with_step(3, COARSE_SEGMENTATION))


@pytest.mark.parametrize("target", Target)
def test_an_ensemble_takes_no_larger_batch_than_its_steps(target: Target) -> None:
    for ensemble in ENSEMBLES:
        steps = steps_of(ensemble, target) or (ensemble,)
        smallest = min(placement(model, target).max_batch for model in steps)
        assert 1 <= placement(ensemble, target).max_batch <= smallest


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("cpu", [Cpu(1, 1), Cpu(2, 2), Cpu(8, 4), Cpu(64, 1)])
def test_placements(target: Target, cpu: Cpu) -> None:
    for model in (*COMPUTE_MODELS, *PYTHON_MODELS):
        place = placement(model, target, cpu)
        assert place.instances >= 1 and place.kind in ("KIND_GPU", "KIND_CPU")
        assert all(batch <= place.max_batch for batch in place.preferred_batches)
        assert place.batching or not (place.preferred_batches or place.queue_delay_us)
        assert place.kind == "KIND_CPU" or target is not Target.CPU
        assert (place.backend == "python") == (model in PYTHON_MODELS)


@pytest.mark.parametrize("target", Target)
def test_what_an_ensemble_consists_of_is_wired_on_every_target(target: Target) -> None:
    for ensemble in ENSEMBLES:
        if steps := steps_of(ensemble, target):
            check_wiring(ensemble, steps)
    assert not any(steps_of(model, target) for model in (*COMPUTE_MODELS, *PYTHON_MODELS))


def test_a_cpu_takes_a_photo_to_its_embedding_in_one_process() -> None:
    assert steps_of(COIN_EMBEDDING, Target.CPU) == ()
    assert steps_of(COIN_SEARCH, Target.CPU) == (COIN_EMBEDDING, SEARCH)
    assert steps_of(COIN_ENROLL, Target.CPU) == (COIN_EMBEDDING, ENROLL)
    for target in (Target.GPU, Target.RTX):
        assert {model: steps_of(model, target) for model in ENSEMBLES} == STEPS


@pytest.mark.parametrize("cpu", [Cpu(1, 1), Cpu(2, 2), Cpu(8, 2), Cpu(64, 4)])
def test_a_cpu_has_one_worker_to_spare(cpu: Cpu) -> None:
    place = placement(COIN_EMBEDDING, Target.CPU, cpu)
    assert place.instances == cpu.slots + 1
    assert place.queue is not None and place.queue.size == 32


def test_a_gpu_host_decodes_and_searches_on_its_devices() -> None:
    kinds = {model.name: placement(model, Target.GPU).kind for model in PYTHON_MODELS}
    on_gpu = {DECODE, SEARCH}
    assert kinds == {model.name: "KIND_GPU" if model in on_gpu else "KIND_CPU" for model in PYTHON_MODELS}


@pytest.mark.parametrize("cpu", [Cpu(1, 1), Cpu(2, 2), Cpu(8, 4), Cpu(64, 1)])
def test_a_device_has_one_index_that_takes_its_input_there(cpu: Cpu) -> None:
    place = placement(SEARCH, Target.GPU, cpu)
    assert place.parameters == {"FORCE_CPU_ONLY_INPUT_TENSORS": "no"}


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("cpu", [Cpu(1, 1), Cpu(2, 2), Cpu(8, 4), Cpu(64, 1)])
def test_a_catalog_is_searched_and_changed_by_one_instance_each(target: Target, cpu: Cpu) -> None:
    """Each instance of the search holds all vectors, and a GPU index allows no two searches at once."""
    assert [placement(model, target, cpu).instances for model in (SEARCH, ENROLL, CATALOG)] == [1, 1, 1]


@pytest.mark.parametrize("cpu", [Cpu(1, 1), Cpu(2, 2), Cpu(8, 4), Cpu(64, 1)])
def test_a_step_for_those_who_ask_for_it_alone_is_one_process(cpu: Cpu) -> None:
    for model in COMPUTE_MODELS:
        place = placement(model, Target.CPU, cpu)
        assert Cpu.of(place.parameters) == cpu
        assert place.instances == 1


@pytest.mark.parametrize("target", [Target.GPU, Target.RTX])
def test_an_engine_is_built_for_every_batch_that_it_is_given(target: Target) -> None:
    for model in COMPUTE_MODELS:
        place = placement(model, target)
        assert place.max_batch == PROFILE.largest
        assert PROFILE.smallest == min(place.warmup_batches) and PROFILE.largest == max(place.warmup_batches)
        assert set(place.preferred_batches) <= set(place.warmup_batches)
        assert PROFILE.smallest <= PROFILE.tuned <= PROFILE.largest
        assert place.queue is not None and place.queue.size >= place.max_batch


def test_a_cpu_computes_geometry_without_graphs_and_only_networks_in_less_than_float32() -> None:
    for model in COMPUTE_MODELS:
        place = placement(model, Target.CPU)
        if model in GEOMETRY:
            assert (place.backend, place.artifact) == ("opencv", "")
        else:
            assert (place.backend, place.artifact) == ("openvino", "model.onnx")
            assert place.parameters["precision"] == ("auto" if model in NETWORKS else "f32")
    assert set(GEOMETRY).isdisjoint(NETWORKS)


def test_a_model_that_is_not_in_the_contract_has_no_place() -> None:
    assert all(placement(model, Target.GPU) for model in MODELS)
    with pytest.raises(ValueError, match="other is not a model of the contract"):
        placement(replace(DECODE, name="other"), Target.GPU)
