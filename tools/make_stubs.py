#!/usr/bin/env python3
"""Write python/tinytorch/_core/*.pyi from the built extension; --check only compares.

pybind11-stubgen knows the names, defaults and documentation of what pybind11 binds. It does not
know what a `py::object` stands for, nor the attributes of the hand-written type TensorBase: the
tables below say it, and a name that they lack is an error.
"""

from __future__ import annotations

import ast
import difflib
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from tinytorch import _core

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / "python" / "tinytorch" / "_core"
HEADER = "# The C++ engine, for type checkers; `make stubs` writes this file.\n"

# What pybind11-stubgen writes, whatever its version and pybind11's, and what it is called here.
SPELLING = {
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "numpy.typing.NDArray": "NDArray",
    "numpy.": "np.",
    "collections.abc.": "",
    "typing_extensions.": "",
    "typing.": "",
    "tinytorch._core.": "",
}
IMPORTS = {
    "Any": "from typing import Any",
    "ArrayLike": "from numpy.typing import ArrayLike",
    "Buffer": "from typing_extensions import Buffer",
    "Callable": "from collections.abc import Callable",
    "DTypeLike": "from numpy.typing import DTypeLike",
    "Mapping": "from collections.abc import Mapping",
    "NDArray": "from numpy.typing import NDArray",
    "Self": "from typing_extensions import Self",
    "Sequence": "from collections.abc import Sequence",
    "Tensor": "from tinytorch.core.tensor import Tensor",
    "np": "import numpy as np",
}

BARE = {
    "dict": "dict[str, Any]",
    "list": "list[Any]",
    "tuple": "tuple[Any, ...]",
    "Callable": "Callable[..., Any]",
    "Sequence": "Sequence[Any]",
    "Sequence[dict]": "Sequence[dict[str, Any]]",
}
INTS = "int | Sequence[int]"
# Parameters that the C++ side takes as any Python object.
PARAMETERS = {
    **dict.fromkeys(("a", "b", "bias", "calibration", "gradient", "mask", "q"), "ArrayLike"),
    **dict.fromkeys(("scales", "w", "weight", "x"), "ArrayLike"),
    **dict.fromkeys(("beta", "gamma", "head", "keys", "positions"), "ArrayLike"),
    **dict.fromkeys(("logits", "prompt", "prompts", "tokens", "values"), "ArrayLike"),
    **dict.fromkeys(("axes", "axis", "dilation", "kernel_size", "output_size", "padding"), INTS),
    **dict.fromkeys(("shape", "size_or_sections", "stride"), INTS),
    **dict.fromkeys(("momentum_buffer", "running_mean", "running_var"), "np.ndarray | None"),
    **dict.fromkeys(("baseline", "optimized", "value", "submission"), "Any"),  # checked as JSON
    **dict.fromkeys(("capsule", "key", "memo"), "Any"),
    "arg0": "Callable[..., Any]",
    "bytes_of": "Callable[..., Any] | None",
    "constraint": "Callable[..., Any] | None",
    "dtype": "DTypeLike",
    "images": "ArrayLike",
    "input_shape": "Sequence[int]",
    "nodes": "Sequence[Sequence[Any]]",
    "grad_output": "ArrayLike",
    "heads": "int",
    "parameter": "ArrayLike",
    "qkv": "ArrayLike",
    "hook": "Callable[[np.ndarray], Any]",
    "sequences": "Sequence[GptSequence]",
    "wanted": "int | Sequence[int] | None",
    "tensors": "Sequence[ArrayLike]",
    "widths": "Sequence[Sequence[int]]",
}
# Results that the C++ side builds as Python objects. A layer gives a Tensor for a Tensor, else an
# ndarray; the last two are what an exact type would need a type variable for.
RETURNS = {
    "GgufFile.metadata": "dict[str, Any]",
    "GgufFile.read": "np.ndarray",
    "GgufFile.tensors": "list[tuple[str, str, tuple[int, ...]]]",
    "Node.apply": "tuple[Any, ...]",
    "Node.inputs": "list[Tensor | None]",
    "Node.next_nodes": "list[Node | None]",
    "Node.output_shape": "tuple[int, ...]",
    ".gpt_config": "dict[str, Any]",
    ".gpt_shapes": "dict[str, tuple[tuple[int, ...], bool]]",
    "GptSession.append": "np.ndarray",
    "GptRequest.status": "dict[str, Any]",
    "GptRequest.take_error": "BaseException | None",
    "GptRequest.times": "np.ndarray",
    "GptRequest.tokens": "np.ndarray",
    "GptSession.generate": "np.ndarray",
    "SamplingOptions.probabilities": "np.ndarray",
    "__call__": "Any",
    "__copy__": "Self",
    "__deepcopy__": "Self",
    "__reduce__": "tuple[Any, ...]",
    "benchmark": "list[tuple[dict[str, Any], list[tuple[int, float]], str]]",
    "bias": "np.ndarray | None",
    "check_json": "list[tuple[str, str, str]]",
    "forward": "Any",
    "generate_submission": "dict[str, Any]",
    "kernel_calls": "dict[str, int]",
    "load_safetensors": "tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]",
    "load_submission": "dict[str, Any]",
    "magnitude_masks": "list[np.ndarray]",
    "memory_stats": "dict[str, int]",
    "operator_registry": "dict[str, dict[str, Any]]",
    "run": "Any",
    "scales": "np.ndarray",
    "state": "dict[str, np.ndarray]",
    "step": "np.ndarray",
    "system_info": "dict[str, Any]",
}

# TensorBase: attribute -> (type read, type assigned; None where it is read-only).
ATTRIBUTES = {
    "_grad_fn": ("Any", "Any"),
    "data": ("np.ndarray", "ArrayLike"),
    "dtype": ("np.dtype[Any]", None),
    "grad": ("Any", "Any"),
    "ndim": ("int", None),
    "requires_grad": ("bool", "bool"),
    "shape": ("tuple[int, ...]", None),
    "size": ("int", None),
}
METHODS = {
    "_set": "array: np.ndarray, requires_grad: bool) -> None",
    "__abs__": ") -> Tensor",
    "__bool__": ") -> bool",
    "__getitem__": "key: Any, /) -> Tensor",
    "__len__": ") -> int",
    "__neg__": ") -> Tensor",
    "__pow__": "other: ArrayLike, modulus: None = None, /) -> Tensor",
    "__rpow__": "other: ArrayLike, modulus: None = None, /) -> Tensor",
    **{
        f"__{side}{name}__": "other: ArrayLike, /) -> Tensor"
        for name in ("add", "sub", "mul", "truediv")
        for side in ("", "r")
    },
}


SUBMISSION_ERROR = """
class SubmissionSchemaError(AssertionError):
    path: str
    rule: str
    violations: list[tuple[str, str, str]]
"""


def tensor_base() -> ast.ClassDef:
    """The stub of the hand-written type; SystemExit if the type and the tables differ."""
    own = {
        name for name in vars(_core.TensorBase) if name not in vars(object) and name != "__module__"
    }
    known = ATTRIBUTES.keys() | METHODS.keys()
    if own != known:
        raise SystemExit(
            f"make_stubs: ATTRIBUTES or METHODS, and TensorBase: {sorted(own ^ known)}"
        )
    lines = ["class TensorBase:"]
    for name, (read, assigned) in ATTRIBUTES.items():
        doc = getattr(_core.TensorBase, name).__doc__
        lines += ["  @property", f"  def {name}(self) -> {read}:", f"    {doc!r}"]
        if assigned is not None:
            lines += [f"  @{name}.setter", f"  def {name}(self, value: {assigned}) -> None: ..."]
    lines += [f"  def {name}(self, {rest}: ..." for name, rest in METHODS.items()]
    made = ast.parse("\n".join(lines)).body[0]
    assert isinstance(made, ast.ClassDef)
    return made


class Types(ast.NodeTransformer):
    """Replaces annotations that say too little by what the tables say."""

    def __init__(self, module: str) -> None:
        self.module, self.owner = module, ""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        if node.name == "TensorBase":
            return tensor_base()
        self.owner = node.name
        self.generic_visit(node)
        self.owner = ""
        wrap_documentation(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        arguments = node.args.args
        defaults = [None] * (len(arguments) - len(node.args.defaults)) + node.args.defaults
        for argument, default in zip(arguments, defaults, strict=True):
            if argument.annotation is not None:
                text = self.parameter(argument.arg, ast.unparse(argument.annotation))
                optional = default is not None and ast.unparse(default) == "None"
                if optional and text != "Any" and not text.endswith("None"):
                    text += " | None"
                argument.annotation = expression(text)
        if node.returns is not None:
            node.returns = expression(self.result(node.name, ast.unparse(node.returns)))
        wrap_documentation(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        if ast.unparse(node.target) != "__all__":
            node.value = None  # a stub gives types; values may be pages long
        return node

    def parameter(self, name: str, text: str) -> str:
        if name == "path":
            return "str | bytes"
        if text == "Tensor" and self.module == "ops":  # converted from whatever NumPy converts
            return "ArrayLike"
        if text != "Any":
            return BARE.get(text, text)
        if name not in PARAMETERS:
            raise SystemExit(f"make_stubs: PARAMETERS lacks {name} ({self.module}: {self.owner})")
        return PARAMETERS[name]

    def result(self, name: str, text: str) -> str:
        if text == "Any" or text in BARE:
            known = RETURNS.get(f"{self.owner}.{name}") or RETURNS.get(name)
            if known is None:
                raise SystemExit(f"make_stubs: RETURNS lacks {self.module}: {self.owner}.{name}")
            return known
        return text.replace("[Any, tuple[type]]", "[Any, ...]")  # __reduce__


def wrap_documentation(node: ast.ClassDef | ast.FunctionDef) -> None:
    text = ast.get_docstring(node)
    if text is None:
        return
    lines = [textwrap.fill(line, 85) for line in text.splitlines()]
    if len(lines) > 1 or "\n" in lines[0]:
        lines.append("")  # the closing quotes stand alone
    node.body[0] = ast.Expr(ast.Constant(textwrap.indent("\n".join(lines), " " * 8).strip(" ")))


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def improved(module: str, text: str) -> str:
    """A stub that pybind11-stubgen made, with better types and without its imports of typing."""
    for theirs, ours in SPELLING.items():
        text = text.replace(theirs, ours)
    tree = Types(module).visit(ast.parse(text))
    relative = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.level]
    rest = [n for n in tree.body if not isinstance(n, (ast.Import, ast.ImportFrom, ast.Expr))]
    if module == "capstone":
        rest[1:1] = ast.parse(SUBMISSION_ERROR).body
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    imports = [line for name, line in IMPORTS.items() if name in used]
    if module != "__init__" and "Generator" in used:
        imports.append("from . import Generator")
    body = ast.unparse(ast.Module([*relative, *rest], []))
    return HEADER + "\n".join([*imports, body]) + "\n"


def generate() -> dict[str, str]:
    """File name -> text of the stubs of the built extension."""
    with tempfile.TemporaryDirectory() as folder:
        run("pybind11_stubgen", "tinytorch._core", "--output-dir", folder, "--ignore-all-errors")
        made = sorted(Path(folder, "tinytorch", "_core").glob("*.pyi"))
        for path in made:
            path.write_text(improved(path.stem, path.read_text()))
        config = ("--quiet", "--config", "pyproject.toml", folder)
        run("ruff", "check", "--select", "I", "--fix", *config)
        run("ruff", "format", *config)
        return {path.name: path.read_text() for path in made}


def run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


def differences(texts: dict[str, str]) -> list[str]:
    committed = {path.name: path.read_text() for path in STUBS.glob("*.pyi")}
    return [
        line
        for name in sorted(committed.keys() | texts.keys())
        for line in difflib.unified_diff(
            committed.get(name, "").splitlines(True),
            texts.get(name, "").splitlines(True),
            f"committed {name}",
            f"built {name}",
        )
    ]


def main() -> int:
    texts = generate()
    if "--check" in sys.argv[1:]:
        found = differences(texts)
        sys.stderr.writelines(found)
        if found:
            print("stubs: _core does not match the extension; run `make stubs`", file=sys.stderr)
        return 1 if found else 0
    STUBS.mkdir(exist_ok=True)
    for old in STUBS.glob("*.pyi"):
        old.unlink()
    for name, text in texts.items():
        (STUBS / name).write_text(text)
    print(f"{STUBS.relative_to(ROOT)}: {len(texts)} stubs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
