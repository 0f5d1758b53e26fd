"""DLPack capsules are read without taking them over, and what cannot be used is refused with a reason."""

import ctypes
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.cuda import CudaError
from backends.dlpack import CPU, CUDA, MANAGED, PINNED, DeviceArray, DLPackError, _Tensor, view

NO_GPU = not Path("/dev/nvidiactl").exists()
TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "c8"]


class Memory(np.ndarray):
    """An array that weak references can be held to."""


def numbers(shape: tuple[int, ...], dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def doctored(array: np.ndarray, **fields: Any) -> Any:
    """A capsule of an array, some fields of its tensor overwritten."""
    capsule = array.__dlpack__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    tensor = _Tensor.from_address(pointer(capsule, b"dltensor"))
    for name, value in fields.items():
        owner = tensor
        *path, last = name.split("__")
        for part in path:
            owner = getattr(owner, part)
        setattr(owner, last, value)
    return capsule


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 64), (1,), (2, 3, 4), (), (0, 64)])
def test_arrays_come_back(shape: tuple[int, ...], dtype: str) -> None:
    array = numbers(shape, dtype)
    seen = view(array.__dlpack__())
    assert (seen.shape, seen.dtype, seen.device_type, seen.device_id) == (shape, array.dtype, CPU, 0)
    assert seen.nbytes == array.nbytes
    host = seen.to_host()
    assert host.dtype == array.dtype
    np.testing.assert_array_equal(host, array)


def test_the_address_is_the_arrays() -> None:
    array = numbers((5, 64))
    assert view(array.__dlpack__()).address == array.ctypes.data
    assert view(array[2:].__dlpack__()).address == array[2].ctypes.data


def test_a_byte_offset_counts() -> None:
    array = numbers((5, 4))
    seen = view(doctored(array, byte_offset=array.strides[0]))
    assert seen.address == array[1].ctypes.data


def test_nothing_is_copied_before_it_is_asked_for() -> None:
    array = numbers((4,))
    seen = view(array.__dlpack__())
    array[0] = 1234
    host = seen.to_host()
    assert host[0] == 1234
    array[0] = 0
    assert host[0] == 1234


def test_axes_of_length_one_have_no_gaps() -> None:
    array = numbers((6, 4))[::3, :]
    np.testing.assert_array_equal(view(array[:1].__dlpack__()).to_host(), array[:1])


@pytest.mark.parametrize("part", [(slice(None, None, 2), slice(None)), (slice(None), slice(0, 3)), (slice(None), 1)])
def test_gaps_are_refused(part: Any) -> None:
    with pytest.raises(DLPackError, match=r"has gaps \(strides .*\): make it contiguous first"):
        view(numbers((6, 4))[part].__dlpack__())


def test_columns_first_is_refused() -> None:
    with pytest.raises(DLPackError, match="has gaps"):
        view(np.asfortranarray(numbers((6, 4))).__dlpack__())


def test_no_strides_means_row_by_row() -> None:
    """As Triton gives its tensors."""
    array = numbers((3, 4))
    capsule = doctored(array, strides=ctypes.POINTER(ctypes.c_int64)())
    np.testing.assert_array_equal(view(capsule).to_host(), array)


@pytest.mark.parametrize(("code", "bits", "lanes"), [(4, 16, 1), (2, 32, 4), (0, 4, 1), (3, 64, 1)])
def test_elements_that_numpy_does_not_know(code: int, bits: int, lanes: int) -> None:
    capsule = doctored(numbers((3,)), dtype__code=code, dtype__bits=bits, dtype__lanes=lanes)
    with pytest.raises(DLPackError, match=rf"no type of numpy \(code {code}, {bits} bits, {lanes} lanes\)"):
        view(capsule)


@pytest.mark.parametrize("thing", [None, 7, np.zeros(3)])
def test_no_capsule(thing: Any) -> None:
    with pytest.raises(DLPackError, match="is not an unused DLPack capsule"):
        view(thing)


def test_a_capsule_that_was_taken_over() -> None:
    class Holder:
        capsule = numbers((3,)).__dlpack__()

        def __dlpack__(self, **_: Any) -> Any:
            return self.capsule

        def __dlpack_device__(self) -> tuple[int, int]:
            return CPU, 0

    holder = Holder()
    view(holder.capsule)
    view(holder.capsule)  # looking takes nothing over
    np.from_dlpack(holder)
    with pytest.raises(DLPackError, match="is not an unused DLPack capsule"):
        view(holder.capsule)


def test_the_memory_lives_as_long_as_the_view() -> None:
    array = numbers((1000, 64)).view(Memory)
    expected, gone = array.copy(), weakref.ref(array)
    seen = view(array.__dlpack__())
    del array
    gc.collect()
    assert gone() is not None
    np.testing.assert_array_equal(seen.to_host(), expected)
    del seen
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [PINNED, MANAGED])
def test_memory_that_host_and_device_share(kind: int) -> None:
    array = numbers((3, 4))
    seen = view(doctored(array, device__type=kind, device__id=1))
    assert (seen.device_type, seen.device_id) == (kind, 1)
    np.testing.assert_array_equal(seen.to_host(), array)


def test_devices_that_nobody_has() -> None:
    seen = view(doctored(numbers((3,)), device__type=10))
    with pytest.raises(DLPackError, match="on a device of DLPack type 10; CPU and CUDA are known"):
        seen.to_host()


@pytest.mark.skipif(not NO_GPU, reason="there is a CUDA device")
def test_without_a_gpu_its_memory_cannot_be_read() -> None:
    seen = view(doctored(numbers((3, 4)), device__type=CUDA))
    assert isinstance(seen, DeviceArray) and seen.device_type == CUDA
    with pytest.raises(
        CudaError, match=r"copying 48 bytes from a CUDA device failed|libcudart\.so\.12 is not to be found"
    ):
        seen.to_host()
