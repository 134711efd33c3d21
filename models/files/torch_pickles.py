"""The pickle inside torch's files, walked without unpickling: which tensors lie where.

What a pickle calls is never called: `pickletools` tells its operations and runs none. Of the few
things that torch writes about a tensor, a place in the file is made (`Placed`); anything else is
refused, so that no file can run code, or have memory taken that it has no bytes for.
"""

from __future__ import annotations

import io
import pickletools  # nosec B403
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

MOST_OPERATIONS = 500_000
"""Of a pickle: 40 for each tensor, of which SD 1.5 with its optimizer has 3,500."""

MOST_SIDES = 64
LARGEST = 1 << 63
NAMES = (str, int, float, bool, type(None))
"""Of what; the hash of a tuple of tuples may take for ever."""

STORAGES = {
    "torch DoubleStorage": torch.float64,
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
    "torch ComplexFloatStorage": torch.complex64,
    "torch ComplexDoubleStorage": torch.complex128,
    "torch.storage UntypedStorage": torch.uint8,
}
MADE = ("collections OrderedDict", "collections Counter")
SHOWN = ("torch Size", "torch device", "__builtin__ set", "builtins set")
"""What may stand beside weights; nothing here reads it."""


class WouldRunCode(ValueError):
    """A pickle calls something that torch does not call for tensors."""


class Damaged(ValueError):
    """A pickle that torch did not write, or that is not whole."""


@dataclass(frozen=True)
class Stored:
    """A storage: its name in the file, the type of its numbers, and how many bytes it has."""

    key: str
    dtype: torch.dtype
    nbytes: int


@dataclass(frozen=True)
class Placed:
    """A tensor's place in a storage, in numbers."""

    storage: Stored
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class _Global:
    name: str


def walk(file: io.BytesIO) -> Any:
    """What one pickle holds, with a `Placed` for every tensor; the file is left behind it.

    Raises:
        WouldRunCode: where it calls something that is not torch's own for tensors.
        Damaged: where it is not whole, or says of a tensor what cannot be.
    """
    walker = _Walker()
    try:
        for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if number > MOST_OPERATIONS:
                raise Damaged(f"more than {MOST_OPERATIONS:,} operations in its table of tensors")
            walker.take(operation.name, argument)
        return walker.stack.pop()
    except (WouldRunCode, Damaged):
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Damaged(str(error).partition("\n")[0] or type(error).__name__) from error


class _Walker:
    """The stack and the memo of one walk."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, name: str, argument: Any) -> None:
        if name in VALUES:
            self.stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.stack.append(_Global(argument))
        elif name in OPERATIONS:
            OPERATIONS[name](self)
        elif name not in ("PROTO", "STOP"):
            raise WouldRunCode(f"the operation {name}")

    def marked(self) -> list[Any]:
        """What lies above the last mark, taken off with it: a tuple, or items."""
        last = self.marks.pop()
        taken = self.stack[last:]
        del self.stack[last:]
        return taken

    def tuple_of(self, count: int) -> None:
        taken = tuple(self.stack[len(self.stack) - count :])
        if len(taken) < count:
            raise Damaged("a tuple of fewer values than it says")
        del self.stack[len(self.stack) - count :]
        self.stack.append(taken)

    def set_items(self, taken: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(taken) % 2:
            raise Damaged("names without a mapping")
        if not all(isinstance(name, NAMES) for name in taken[::2]):
            raise Damaged("a name that is neither a text nor a number")
        target.update(zip(taken[::2], taken[1::2], strict=True))

    def append(self, taken: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise Damaged("items without a list")
        target.extend(taken)

    def storage(self) -> None:
        """Replaces a tuple by the storage that it stands for."""
        word, kind, key, _, count, *view = self.stack.pop()
        known = word == "storage" and isinstance(key, (str, int))
        if not known or any(part is not None for part in view):
            raise Damaged("a reference to what is no storage")
        if not isinstance(kind, _Global) or kind.name not in STORAGES:
            raise WouldRunCode(getattr(kind, "name", "a storage of no type"))
        dtype = STORAGES[kind.name]
        self.stack.append(Stored(str(key), dtype, _count(count) * dtype.itemsize))

    def reduce(self) -> None:
        """Replaces a function and its arguments by what it would make of them."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise Damaged("a call of what is no function")
        module, _, name = function.name.partition(" ")
        if module == "torch._utils" and name in REBUILT:
            self.stack.append(REBUILT[name](*arguments))
        elif function.name in MADE and not arguments:
            self.stack.append({})
        elif function.name in SHOWN:
            self.stack.append(None)
        else:
            raise WouldRunCode(function.name)

    def build(self) -> None:
        """Leaves out attributes that are set, such as `_metadata` of a state dict."""
        self.stack.pop()
        if not isinstance(self.stack[-1], (dict, Placed)):
            raise WouldRunCode("attributes of something else than tensors")


VALUES = frozenset(
    ("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT",
     "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINSTRING", "BINSTRING")
)  # fmt: skip
OPERATIONS: Mapping[str, Callable[[_Walker], None]] = {
    "MARK": lambda at: at.marks.append(len(at.stack)),
    "EMPTY_DICT": lambda at: at.stack.append({}),
    "EMPTY_LIST": lambda at: at.stack.append([]),
    "EMPTY_TUPLE": lambda at: at.stack.append(()),
    "TUPLE": lambda at: at.stack.append(tuple(at.marked())),
    "TUPLE1": lambda at: at.tuple_of(1),
    "TUPLE2": lambda at: at.tuple_of(2),
    "TUPLE3": lambda at: at.tuple_of(3),
    "SETITEM": lambda at: at.set_items([at.stack.pop(-2), at.stack.pop()]),
    "SETITEMS": lambda at: at.set_items(at.marked()),
    "APPEND": lambda at: at.append([at.stack.pop()]),
    "APPENDS": lambda at: at.append(at.marked()),
    "BINPERSID": _Walker.storage,
    "REDUCE": _Walker.reduce,
    "BUILD": _Walker.build,
}


def _count(value: Any) -> int:
    """A size; what it is instead is not told: of some values, the text would have no end."""
    if not isinstance(value, int) or not 0 <= value < LARGEST:
        raise Damaged("something else where a size must be")
    return value


def _placed(storage: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> Placed:
    return _checked(storage, storage.dtype, offset, shape, stride)


def _placed_with_dtype(
    storage: Any, offset: Any, shape: Any, stride: Any, _: Any, hooks: Any, dtype: Any, *rest: Any
) -> Placed:
    """For the numbers that have no storage of their own, such as floats of eight bits."""
    module, _, name = dtype.name.partition(" ")
    found = getattr(torch, name, None) if module == "torch" else None
    if not isinstance(found, torch.dtype):
        raise WouldRunCode(dtype.name)
    return _checked(storage, found, offset, shape, stride)


def _parameter(tensor: Any, *rest: Any) -> Placed:
    if not isinstance(tensor, Placed):
        raise Damaged("a parameter that is no tensor")
    return tensor


REBUILT: Mapping[str, Callable[..., Placed]] = {
    "_rebuild_tensor": _placed,
    "_rebuild_tensor_v2": _placed,
    "_rebuild_tensor_v3": _placed_with_dtype,
    "_rebuild_parameter": _parameter,
    "_rebuild_parameter_with_state": _parameter,
}


def _checked(storage: Stored, dtype: torch.dtype, offset: Any, shape: Any, stride: Any) -> Placed:
    """A tensor that lies in its storage, each of its numbers in a place of its own."""
    if max(len(shape), len(stride)) > MOST_SIDES:
        raise Damaged(f"a tensor of more than {MOST_SIDES} sides")
    sizes, strides = (tuple(_count(side) for side in sides) for sides in (shape, stride))
    found = Placed(storage, dtype, _count(offset), sizes, strides)
    if len(sizes) != len(strides):
        raise Damaged(f"a tensor of {len(sizes)} sides with {len(strides)} strides")
    last = sum((side - 1) * step for side, step in zip(sizes, strides, strict=True))
    ends = (offset + (last + 1 if prod(sizes) else 0)) * dtype.itemsize
    needs = max(ends, found.nbytes)
    if needs > storage.nbytes:
        raise Damaged(
            f"a tensor of shape {list(sizes)[:8]} needs {needs:,} bytes, but its storage has "
            f"{storage.nbytes:,}"
        )
    return found
