"""The committed stub describes the module that is installed."""

import ast
from pathlib import Path

import saccade_native
from saccade_native import _native

STUB = Path(__file__).parents[3] / "native" / "python" / "saccade_native" / "_native.pyi"


def stub_names():
    definitions = [
        node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    members = {
        f"{owner.name}.{node.name}"
        for owner in definitions
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")
    }
    return {node.name for node in definitions} | members


def module_names():
    names = {name for name in vars(_native) if not name.startswith("_")}
    members = {
        f"{owner}.{name}"
        for owner in names
        if isinstance(getattr(_native, owner), type) and not owner.endswith("Error")
        for name in vars(getattr(_native, owner))
        if not name.startswith("_")
    }
    return names | members


def test_stub_names_what_the_module_has():
    assert stub_names() == module_names()


def test_package_exports_every_name_of_the_module():
    assert {name for name in saccade_native.__all__ if not name.startswith("_")} == {
        name for name in vars(_native) if not name.startswith("_")
    }
