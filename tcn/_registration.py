"""Makes Keras know this package's classes without importing Keras.

Classes are registered when their modules are imported, and those import Keras, which takes seconds. So they
wait until somebody imports Keras, or one of them.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["register_with_keras"]


def register_with_keras(*modules: str) -> None:
    """Import modules now if Keras is there already, otherwise as soon as it or one of them is.

    Args:
        *modules: Full names of the modules that import Keras.
    """
    if "keras" in sys.modules:
        _import_all(modules)
    else:
        sys.meta_path.insert(0, _OnFirstUse(modules))


def _import_all(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)


class _OnFirstUse(MetaPathFinder):
    """Finds modules where Python finds them, and adds a last step to the first import."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras" and name not in self.modules:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenImport(spec.loader, self.modules)
        return spec


class _ThenImport(Loader):
    """Leaves no trace of itself in the module that it loads."""

    def __init__(self, loader: Loader, modules: Sequence[str]) -> None:
        self.loader = loader
        self.modules = modules

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _import_all(self.modules)
