"""Tensors in anybody's memory, by DLPack: where they lie, without a framework that would compute on them.

The structures are those of dlpack.h, version 0.8 (https://dmlc.github.io/dlpack/latest/c_api.html), which is what
Triton's `to_dlpack()` and numpy 1's `__dlpack__()` hand out.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.cuda import copy_to_host

CPU = 1  # device types
CUDA = 2
PINNED = 3  # host memory that a GPU reads by itself
MANAGED = 13
_ON_HOST = (CPU, PINNED, MANAGED)

_NAME = b"dltensor"  # of a capsule that nobody has taken apart yet
_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}  # bfloat16 (4) is unknown to numpy


class DLPackError(ValueError):
    """The capsule or its tensor cannot be used; the message says why."""


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),  # in elements; null for row by row
        ("byte_offset", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class DeviceArray:
    """A tensor where it lies, its elements row by row without gaps.

    Attributes:
        address: of the first element, in the memory of the device.
        shape: its lengths.
        dtype: of its elements.
        device_type: of DLPack: CPU, CUDA, PINNED, MANAGED.
        device_id: number of the device among those of its type.
        owner: keeps the memory from being given back while this lives.
    """

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype
    device_type: int
    device_id: int
    owner: Any

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def to_host(self) -> np.ndarray:
        """The elements, copied into host memory.

        Raises:
            DLPackError: on a device that is neither the host nor CUDA's.
            CudaError: the copy failed.
        """
        if self.device_type not in (*_ON_HOST, CUDA):
            raise DLPackError(f"the tensor lies on a device of DLPack type {self.device_type}; CPU and CUDA are known")
        host = np.empty(self.shape, self.dtype)
        if self.device_type in _ON_HOST:
            ctypes.memmove(host.ctypes.data, self.address, self.nbytes)
        else:
            copy_to_host(host, self.address)
        return host


def view(capsule: Any) -> DeviceArray:
    """Read a DLPack capsule without taking it over: its owner frees the memory once the last user has let go.

    Args:
        capsule: `dltensor`, as `__dlpack__()` or Triton's `to_dlpack()` returns it.

    Raises:
        DLPackError: no such capsule, or one that was taken over already; elements that numpy does not know; rows or
            elements with gaps between them.
    """
    try:
        pointer = _capsule_pointer(capsule, _NAME)
    except ValueError as error:
        raise DLPackError(f"{capsule!r} is not an unused DLPack capsule 'dltensor'") from error
    tensor = _Tensor.from_address(pointer)
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    if tensor.strides:
        strides = tuple(tensor.strides[axis] for axis in range(tensor.ndim))
        if not _row_by_row(shape, strides):
            raise DLPackError(f"the tensor of shape {shape} has gaps (strides {strides}): make it contiguous first")
    address = (tensor.data or 0) + tensor.byte_offset
    return DeviceArray(address, shape, _dtype(tensor.dtype), tensor.device.type, tensor.device.id, capsule)


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)


def _dtype(given: _DataType) -> np.dtype:
    if given.code not in _KINDS or given.lanes != 1 or given.bits % 8:
        about = f"code {given.code}, {given.bits} bits, {given.lanes} lanes"
        raise DLPackError(f"the tensor's elements have no type of numpy ({about})")
    return np.dtype(f"{_KINDS[given.code]}{given.bits // 8}")


def _row_by_row(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    if 0 in shape:
        return True
    expected = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length > 1 and stride != expected:
            return False
        expected *= length
    return True
