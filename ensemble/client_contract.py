"""The client's copy of the contract, as Python source: the client is a distribution that stands alone."""

from pathlib import Path
from typing import Any

from ensemble import contract, entry, errors, sides, variables, verification
from ensemble.configs import HEADER
from ensemble.contract import Model, Tensor

CLIENT_CONTRACT = "python_client/src/mintmark/_contract.py"
CLIENT_VERIFICATION = "python_client/src/mintmark/_verification.py"
CLIENT_SIDES = "python_client/src/mintmark/_sides.py"
CLIENT_PHOTO = "python_client/src/mintmark/_photo"
_PHOTO = Path(contract.__file__).with_name("photo")
PHOTO_MODULES = ("items", "kinds", "metadata", "opening", "parts", "pixels")  # of ensemble.photo
WIDTH = 120  # characters of a line


def client_contract() -> str:
    """The source, with everything that the client needs to know of the server."""
    parts = [_CLIENT_HEAD, *_numbers(), "", *_variables(), "", *_errors(), "", *_fields(), "", *_tensors()]
    return "\n".join([*parts, "", *_entry_classes()])


_CLIENT_HEAD = f'''"""What server and client agree on: sizes, limits, errors, the fields of an entry, names of tensors.

{HEADER}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
'''


def client_copies() -> dict[str, str]:
    """Modules that the client has as the server has them, by their paths there.

    It measures a server by the server's own comparison, refuses the same sides, and sees photos as the server sees
    them.
    """
    copies = {CLIENT_VERIFICATION: Path(verification.__file__), CLIENT_SIDES: Path(sides.__file__)}
    copies |= {f"{CLIENT_PHOTO}/{name}.py": _PHOTO / f"{name}.py" for name in PHOTO_MODULES}
    return {path: _copy(source.read_text(encoding="utf-8")) for path, source in copies.items()}


def _copy(source: str) -> str:
    head, docstring, rest = source.split('"""', 2)
    more = "\n" if docstring.endswith("\n") else "\n\n"
    text = f'{head}"""{docstring}{more}{HEADER}\n"""{rest}'
    return text.replace("ensemble.photo", "mintmark._photo").replace("from ensemble.entry", "from mintmark._contract")


def _numbers() -> list[str]:
    """Sizes, limits and texts of the contract."""
    numbers = {k: v for k, v in vars(contract).items() if _public(k) and isinstance(v, int | float | str | tuple)}
    return [_assignment(name, value) for name, value in numbers.items() if not _holds(value, Model | tuple)]


def _assignment(name: str, value: object) -> str:
    """As a formatter writes it: what is too long for a line has a line for each member."""
    line = f"{name} = {_literal(value)}"
    if len(line) <= WIDTH or not isinstance(value, tuple):
        return line
    return "\n".join([f"{name} = (", *(f"    {_literal(member)}," for member in value), ")"])


def _variables() -> list[str]:
    """The environment variables that the client reads."""
    read = {"URL": variables.URL, "TOKEN": variables.TOKEN, "READ_TOKEN": variables.READ_TOKEN}
    return [f"{name}_VARIABLE = {_literal(value)}" for name, value in read.items()]


def _errors() -> list[str]:
    """The codes of errors, and how one leads a message."""
    codes = [error.code for error in errors.ERRORS]
    lines = [f"CODE_FORMAT = {_literal(errors.CODE_FORMAT)}", *(f"{code} = {_literal(code)}" for code in codes)]
    return [*lines, "ERROR_CODES = (", *(f"    {code}," for code in codes), ")"]


def _fields() -> list[str]:
    """The fields of an entry and of its views: those that are required, those that are not, and what they say."""
    wholes = tuple(name for name, one in entry.FIELDS.items() if one.type is int)
    said = {name: getattr(entry, name) for name in ("REQUIRED", "OPTIONAL", "SIDE", "SIDES", "FILTERS")}
    docs = [f"    {_literal(name)}: {_literal(one.doc)}," for name, one in entry.FIELDS.items()]
    lines = [f"{name} = {_literal(value)}" for name, value in {**said, "WHOLE_NUMBERS": wholes}.items()]
    return [*lines, "FIELD_DOCS = {", *docs, "}"]


def _tensors() -> list[str]:
    """Names of tensors and of the models that a client asks, and types and outputs by these names."""
    tensors = {k: v for k, v in vars(contract).items() if isinstance(v, Tensor) and _public(k)}
    lines = [f'{name} = "{tensor.name}"' for name, tensor in tensors.items()]
    asked = (contract.CATALOG, *contract.ENSEMBLES, contract.COIN_SEARCH_ALL)
    lines += ["", *(f'{name} = "{v.name}"' for name, v in vars(contract).items() if v in asked)]
    lines += ["", "DTYPES = {", *(f'    "{t.name}": "{t.dtype.value}",' for t in tensors.values()), "}"]
    lines += ["", "OUTPUTS: dict[str, tuple[str, ...]] = {"]
    for model in asked:
        names = [_literal(tensor.name) for tensor in model.outputs]
        line = f"    {_literal(model.name)}: ({', '.join(names)}{',' if len(names) == 1 else ''}),"
        long = [f"    {_literal(model.name)}: (", *(f"        {name}," for name in names), "    ),"]
        lines += [line] if len(line) <= WIDTH else long
    return [*lines, "}"]


_ENTRY_CLASSES = (
    (
        "EntryFields",
        "What is said about a coin when a photo of it is enrolled.",
        "`side` is what the photo shows, one of SIDES; the rest is true of the whole coin. `metadata` is free:"
        " any\n    JSON values.",
        (*entry.FIELDS.values(),),
    ),
    (
        "Entry",
        "One coin of the catalog.",
        "Its views, photos of its sides, are asked for by its `id`. `metadata` is free: any JSON values.",
        entry.ENTRY_FIELDS,
    ),
)


def _entry_classes() -> list[str]:
    """The classes that hold an entry's fields, in the client's manner."""
    lines = []
    for name, purpose, more, fields in _ENTRY_CLASSES:
        lines += ["", "@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
        lines += [f'    """{purpose}', "", f"    {more}", '    """', ""]
        lines += ["    id: str"] if name == "Entry" else []
        lines += [f"    {one.name}: {one.type.__name__}{'' if one.required else ' | None = None'}" for one in fields]
        lines += ["    metadata: Mapping[str, Any] = field(default_factory=dict)", ""]
    return lines


def _public(name: str) -> bool:
    return name.isupper() and not name.startswith("_")


def _holds(value: object, kind: Any) -> bool:
    return isinstance(value, tuple) and isinstance(value[0], kind)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value).replace("'", '"')
