"""`tailhub.tools` as a library: typed, and every public name says what it is."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import tailhub
import tailhub.tools

PAGE = Path(__file__).parents[3] / "docs" / "tools.md"


def modules() -> list[ModuleType]:
    """All of them, but what is run as a program."""
    found = pkgutil.walk_packages(tailhub.tools.__path__, "tailhub.tools.")
    return [import_module(one.name) for one in found if not one.name.endswith("__main__")]


def test_the_package_is_typed() -> None:
    """PEP 561: whoever uses it gets its types."""
    assert (Path(tailhub.__file__).parent / "py.typed").exists()


def test_public_names_are_documented() -> None:
    """Each module, and each class, function and public method in its ``__all__``, has a docstring."""
    missing = []
    for module in modules():
        if not module.__doc__:
            missing.append(module.__name__)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            members = vars(value).items() if inspect.isclass(value) else ()
            asked = [(name, value), *((f"{name}.{key}", one) for key, one in members if not key.startswith("_"))]
            for called, one in asked:
                one = one.fget if isinstance(one, property) else one
                if (inspect.isclass(one) or inspect.isfunction(one)) and not inspect.getdoc(one):
                    missing.append(f"{module.__name__}.{called}")
    assert missing == []


def test_annotations_are_whole() -> None:
    """Each public function says the types of what it takes and gives."""
    missing = []
    for module in modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isfunction(value):
                signature = inspect.signature(value)
                kinds = [signature.return_annotation, *(one.annotation for one in signature.parameters.values())]
                if inspect.Signature.empty in kinds:
                    missing.append(f"{module.__name__}.{name}")
    assert missing == []


def test_the_page_names_each_tool() -> None:
    """Every tool is in the tour."""
    text = PAGE.read_text("utf-8")
    tools = [one.name for one in pkgutil.iter_modules(tailhub.tools.__path__) if one.ispkg]
    assert [name for name in tools if f"tailhub.tools.{name}" not in text] == []
