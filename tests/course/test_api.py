"""Every name of the course's API contract exists, is the object it should be, and takes its
parameters. course_api.json is the contract (its format: docs of the contract, section 0.3)."""

import importlib
import importlib.util
import inspect
import json
from pathlib import Path

import pytest

CONTRACT = json.loads(Path(__file__).with_name("course_api.json").read_text(encoding="utf-8"))

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
KINDS = {
    "positional_or_keyword": inspect.Parameter.POSITIONAL_OR_KEYWORD,
    "keyword_only": inspect.Parameter.KEYWORD_ONLY,
    "var_positional": inspect.Parameter.VAR_POSITIONAL,
    "var_keyword": inspect.Parameter.VAR_KEYWORD,
}


def entries():
    for module, names in CONTRACT.items():
        for name, entry in names.items():
            yield module, name, entry


WANTED = [
    pytest.param(module, name, entry, id=f"{module}.{name}")
    for module, name, entry in entries()
    if entry.get("provide") != "avoid"
]
AVOIDED = [
    pytest.param(module, name, id=f"{module}.{name}")
    for module, name, entry in entries()
    if entry.get("provide") == "avoid"
]
CLASSES = [row for row in WANTED if row.values[2].get("methods")]


def find(path):
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return importlib.import_module(path)


def as_tuple(value):
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("module", [m for m, names in CONTRACT.items() if "*" not in names])
def test_module_is_importable(module):
    importlib.import_module(module)


@pytest.mark.parametrize(("module", "name"), AVOIDED)
def test_avoided_name_does_not_exist(module, name):
    if name == "*":
        assert importlib.util.find_spec(module) is None
    else:
        assert not hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("module", "name", "entry"), WANTED)
def test_name_exists_and_is_what_it_should_be(module, name, entry):
    value = getattr(importlib.import_module(module), name)
    if "alias_of" in entry:
        assert value is find(entry["alias_of"])
    elif entry["kind"] == "class":
        assert inspect.isclass(value)
        assert value.__name__ == name
        for base in entry.get("bases", []):
            assert base in [cls.__name__ for cls in value.__mro__]
    elif entry["kind"] == "function":
        assert callable(value)
    elif entry["kind"] == "constant" and "value" in entry:
        assert value == as_tuple(entry["value"])
        assert type(value) is type(as_tuple(entry["value"]))
    elif entry["kind"] == "constant":
        assert type(value).__name__ == entry["value_type"]


@pytest.mark.parametrize(("module", "name", "entry"), WANTED)
def test_parameters(module, name, entry):
    value = getattr(importlib.import_module(module), name)
    if "members" in entry:  # an enum's constructor is Python's own
        assert {member.name: member.value for member in value} == entry["members"]
    elif "params" in entry:
        check_parameters(inspect.signature(value), entry["params"])


@pytest.mark.parametrize(("module", "name", "entry"), CLASSES)
def test_methods(module, name, entry):
    cls = getattr(importlib.import_module(module), name)
    for method, about in entry["methods"].items():
        function = getattr(cls, method)
        assert callable(function), method
        if method.startswith("__") and method not in ("__call__", "__getitem__"):
            continue  # Python fixes what these take
        static = isinstance(inspect.getattr_static(cls, method), staticmethod)
        assert static == bool(about.get("static")), method
        parameters = list(inspect.signature(function).parameters.values())
        if not static:
            parameters = parameters[1:]
        check_parameters(inspect.Signature(parameters), about["params"])


def check_parameters(signature, wanted):
    """Each wanted parameter can be given under its name, at its place, with its default."""
    have = signature.parameters
    takes_any_keyword = any(p.kind is p.VAR_KEYWORD for p in have.values())
    takes_any_position = any(p.kind is p.VAR_POSITIONAL for p in have.values())
    if takes_any_keyword and takes_any_position:
        return
    positions = [p.name for p in have.values() if p.kind in POSITIONAL]
    place = 0
    for parameter in wanted:
        kind = KINDS[parameter["kind"]]
        assert parameter["name"] in have or kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ), f"no parameter {parameter['name']} in {signature}"
        if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            assert any(p.kind is kind for p in have.values()), f"{signature} lacks *{parameter}"
            continue
        if (
            kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            and have[parameter["name"]].kind in POSITIONAL
        ):
            assert positions[place] == parameter["name"], f"place of {parameter} in {signature}"
            place += 1
        if "default" in parameter and parameter["default"] != "<factory>":
            default = have[parameter["name"]].default
            assert default == parameter["default"] or default == as_tuple(parameter["default"])


def test_modules_and_classes_lack_what_they_must_not_have():
    for module, name, entry in entries():
        for missing in entry.get("must_not_have", []) + entry.get("stale_extras", {}).get(
            "must_not_have", []
        ):
            assert not hasattr(getattr(importlib.import_module(module), name), missing)


@pytest.mark.parametrize(
    ("module", "name", "entry"), [row for row in WANTED if "stale_extras" in row.values[2]]
)
def test_extras_of_older_code(module, name, entry):
    value = getattr(importlib.import_module(module), name)
    extras = entry["stale_extras"]
    for attribute in extras.get("properties", []) + extras.get("methods", []):
        assert hasattr(value, attribute), attribute
    parameters = inspect.signature(value).parameters
    keywords = extras.get("keyword_params", []) + extras.get("ignored_keyword_params", [])
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for keyword in keywords:
        assert any_keyword or keyword in parameters, keyword
    for optional in extras.get("optional_params", []):
        assert parameters[optional].default is not inspect.Parameter.empty
