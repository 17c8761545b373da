"""Models from plain specifications, and back."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, NamedTuple

import keras

from tcn.models.classifier import SequenceClassifier
from tcn.models.forecaster import SequenceForecaster

__all__ = ["BACKBONES", "HEADS", "Entry", "build", "specification_of"]


class Entry(NamedTuple):
    """Where a class is found, and arguments that it gets unless told otherwise."""

    module: str
    class_name: str
    arguments: Mapping[str, Any] = {}


# Entered by name, so that only what is asked for is imported. Enter a class of your own to build it by name.
BACKBONES = {
    "bidirectional": Entry("tcn.models.bidirectional", "BidirectionalTCN"),
    "inception_time": Entry("tcn.models.inception_time", "InceptionTime"),
    "multirate": Entry("tcn.models.multirate", "MultiRateTCN"),
    "separable": Entry("tcn.models.separable", "SeparableTCN"),
    "tcn": Entry("tcn.models.tcn", "TCN", {"return_sequences": True}),
    "wavenet": Entry("tcn.models.wavenet", "WaveNet"),
}
HEADS = {
    "categorical": Entry("tcn.heads", "CategoricalHead"),
    "classes": Entry("tcn.models.classifier", "SequenceClassifier"),
    "distribution": Entry("tcn.heads", "DistributionHead"),
    "mixture": Entry("tcn.heads", "MixtureHead"),
    "point": Entry("tcn.heads", "PointHead"),
    "quantile": Entry("tcn.heads", "QuantileHead"),
}


def build(specification: Mapping[str, Any]) -> SequenceForecaster | SequenceClassifier:
    """Build a model from plain values, as they stand in a JSON file.

    Args:
        specification: `{"backbone": {"name": ..., arguments}, "head": {"name": ..., arguments}}`. Names are
            those of `BACKBONES` and `HEADS`, arguments those of the class behind the name; one that is a
            network is such a dictionary too. The head "classes" makes a `SequenceClassifier`, every other one
            a `SequenceForecaster`.

    Returns:
        The model, not built yet.

    Raises:
        ValueError: If a name or an argument does not exist, or one is missing, or a part is no dictionary.

    Example:
        >>> from tcn.models import build, specification_of
        >>> specification = {
        ...     "backbone": {"name": "separable", "filters": 16, "depth": 3},
        ...     "head": {"name": "classes", "classes": 5, "pooling": "max"},
        ... }
        >>> model = build(specification)
        >>> model.receptive_field
        91
        >>> specification_of(model) == specification
        True
    """
    if not isinstance(specification, Mapping):
        raise ValueError(
            "The specification must be a dictionary, {'backbone': {...}, 'head': {...}}. "
            f"Received: {specification!r}"
        )
    _check_names("The specification", specification, ("backbone", "head"), required=("backbone", "head"))
    backbone = _make("backbone", specification["backbone"])
    head_class, arguments = _read("head", specification["head"])
    if issubclass(head_class, SequenceClassifier):
        return SequenceClassifier(backbone, **arguments)
    return SequenceForecaster(backbone, head_class(**arguments))


def specification_of(model: keras.Model) -> dict[str, Any]:
    """The specification that a model can be built from, without what is the default anyway.

    Args:
        model: A `SequenceForecaster` or a `SequenceClassifier`.

    Returns:
        Plain values, ready for JSON.

    Raises:
        ValueError: If the model is neither, or one of its parts has no name.

    Example:
        >>> from tcn import PointHead, SequenceForecaster, TCN
        >>> from tcn.models.specification import specification_of
        >>> model = SequenceForecaster(TCN(8, return_sequences=True), PointHead(horizon=3))
        >>> specification_of(model)["head"]["horizon"]
        3
    """
    if not isinstance(model, SequenceForecaster | SequenceClassifier):
        raise ValueError(
            f"'model' must be a SequenceForecaster or a SequenceClassifier. Received: {type(model).__name__}"
        )
    head = model if isinstance(model, SequenceClassifier) else model.head
    parts = {
        "backbone": _described("backbone", type(model.backbone), model.backbone.get_config()),
        "head": _described("head", type(head), head.get_config()),
    }
    plain: dict[str, Any] = json.loads(json.dumps(parts))
    return plain


def _make(kind: str, part: Any) -> Any:
    made, arguments = _read(kind, part)
    return made(**arguments)


def _read(kind: str, part: Any) -> tuple[Any, dict[str, Any]]:
    """Class and checked arguments of a backbone or a head."""
    registry = _registry(kind)
    if not isinstance(part, Mapping):
        wanted = part if isinstance(part, str) else "..."
        raise ValueError(
            f"A {kind} must be a dictionary of its name and its arguments. Received: {part!r}. "
            f"Pass {{'name': {wanted!r}}} with the arguments beside it."
        )
    name = part.get("name")
    if name not in registry:
        raise ValueError(
            f"A {kind} must be a dictionary whose 'name' is one of {sorted(registry)}. "
            f"Received: name={name!r}.{_guess(name, registry)}"
        )
    entry = registry[part["name"]]
    found = _found(entry)
    given = {key: value for key, value in part.items() if key != "name"}
    parameters = _parameters(found)
    required = [name for name, default in parameters.items() if default is Parameter.empty]
    _check_names(f"The {kind} {part['name']!r}", given, (*parameters, "dtype"), required)
    nested = {
        key: _make("backbone", value) if isinstance(value, Mapping) and "name" in value else value
        for key, value in given.items()
    }
    return found, {**entry.arguments, **nested}


def _described(kind: str, found: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Name of a part, and those of its arguments that are not what they would be anyway."""
    registry = _registry(kind)
    names = [n for n, e in registry.items() if e.class_name == found.__name__ and _found(e) is found]
    if not names:
        raise ValueError(
            f"The {kind}'s class must have a name: enter it in tcn.models.specification.{kind.upper()}S. "
            f"Received: {found.__name__}"
        )
    parameters = _parameters(found)
    needed = {key: _plain(config[key]) for key, default in parameters.items() if default is Parameter.empty}
    part = {"name": names[0], **needed}
    usual = _example(kind, part).get_config()
    for key in (*parameters, "dtype"):
        if key not in needed and config[key] != usual[key]:
            part[key] = _named(kind, part, key, config[key])
    return part


def _named(kind: str, part: Mapping[str, Any], key: str, value: Any) -> Any:
    """The name of an initializer, a distribution or the like, where it stands for the same."""
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    name = _snake_case(value)
    try:
        same = _example(kind, {**part, key: name}).get_config()[key] == value
    except ValueError:
        same = False
    return name if same else value


def _snake_case(serialized: Mapping[str, Any]) -> str:
    """Name of a class, followed by that of the distribution that it changes."""
    own = re.sub(r"(?<!^)(?=[A-Z])", "_", serialized["class_name"]).lower()
    config = serialized["config"]
    inner = config.get("distribution") if isinstance(config, Mapping) else None
    return own if inner is None else f"{own}_{_snake_case(inner)}"


def _plain(value: Any) -> Any:
    """A network that is an argument, as a specification; other values as they are."""
    if not isinstance(value, Mapping) or "registered_name" not in value:
        return value
    found = keras.saving.get_registered_object(value["registered_name"])
    return _described("backbone", found, value["config"])


def _example(kind: str, part: Mapping[str, Any]) -> Any:
    """A layer or model of a class, to see what its arguments are where nothing is said."""
    found, arguments = _read(kind, part)
    if issubclass(found, SequenceClassifier):
        return found(keras.layers.Identity(), **arguments)
    return found(**arguments)


def _registry(kind: str) -> Mapping[str, Entry]:
    return BACKBONES if kind == "backbone" else HEADS


def _found(entry: Entry) -> Any:
    return getattr(import_module(entry.module), entry.class_name)


def _parameters(found: Any) -> dict[str, Any]:
    """Defaults by name of the arguments that a specification may give, those of base classes included."""
    own = dict(signature(found).parameters)
    for base in found.__mro__[1:]:
        if base.__module__.startswith("keras."):
            break
        inherited = signature(base).parameters
        own |= {k: p for k, p in inherited.items() if k not in own and p.default is not Parameter.empty}
    return {
        name: parameter.default
        for name, parameter in own.items()
        if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD and name != "backbone"
    }


def _check_names(what: str, given: Mapping[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    """Raise unless all names that are given are known, and all that are required are given."""
    for name in given:
        if name not in known:
            raise ValueError(
                f"{what} must have no other arguments than {', '.join(known)}. "
                f"Received: {name!r}.{_guess(name, known)}"
            )
    missing = [name for name in required if name not in given]
    if missing:
        raise ValueError(f"{what} must have {', '.join(required)}. Missing: {', '.join(missing)}")


def _guess(name: object, known: Iterable[str]) -> str:
    close = get_close_matches(str(name), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
