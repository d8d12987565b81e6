"""Compose and check the configuration of a command.

`conf/COMMAND.yaml` has what a person chooses; the signatures of the command and of its plug-ins say what is
allowed. With `parzc.cli` this is the only module that knows Hydra.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from parzc import plugins
from parzc.overrides import ConfigurationError, Override, did_you_mean
from parzc.schema import as_annotated, options, schema
from parzc.shipped import shipped

__all__ = ["GROUPS", "Group", "as_yaml", "command_function", "commands", "compose"]


@dataclass(frozen=True)
class Group:
    """A keyword of commands whose value is a plug-in with options.

    Attributes:
        kind: The plug-in folder.
        facts: Parameters of the plug-ins that are read from data, so that nobody types them.
    """

    kind: str
    facts: tuple[str, ...] = ()


GROUPS = {
    "space": Group("spaces", ("classes", "image_shape")),
    "data": Group("datasets"),
    "format": Group("importers", ("file",)),
    "encoding": Group("encodings", ("names", "depths")),
    "predictor": Group("predictors", ("length", "channels")),
    "loss": Group("losses"),
    "acquisition": Group("acquisitions"),
    "strategy": Group("search", ("candidates", "seed")),
    "evaluator": Group("evaluators", ("space", "images", "seed", "rebuild")),
}
_EXPERIMENT = "experiment"


def commands() -> list[str]:
    """List the commands: each has one primary file in `conf/`, `a_b.yaml` for `parzc a b`."""
    return sorted(path.stem for path in shipped("conf").glob("*.yaml"))


def command_function(command: str) -> Callable[..., Any]:
    """Import the function behind a command.

    Raises:
        ConfigurationError: If there is no such command.
    """
    if command not in commands():
        known = [name.replace("_", " ") for name in commands()]
        hint = did_you_mean(command, known)
        raise ConfigurationError(f"there is no command {command!r}{hint}; there are {', '.join(known)}")
    function: Callable[..., Any] = getattr(importlib.import_module(f"parzc.commands.{command}"), command)
    return function


def compose(
    command: str,
    overrides: Sequence[str],
    *,
    function: Callable[..., Any] | None = None,
    conf: Path | None = None,
) -> dict[str, Any]:
    """Make the keywords that a command is called with.

    Args:
        command: The name of a primary file in the configuration folder.
        overrides: `key=value` as typed; text needs no quotes. `experiment=` names a file in
            `conf/experiment/`, or any YAML file, whose values replace the primary file's.
        function: Whose signature is the schema; the command's own by default.
        conf: The configuration folder; the shipped one by default.

    Returns:
        Plain values by keyword; a plug-in is a mapping of its `name` and all its options.

    Raises:
        ConfigurationError: If a key or plug-in is unknown or a value is missing or of the wrong type.
    """
    function = function or command_function(command)
    known = options(function)
    groups = {_EXPERIMENT, *known.keys() & GROUPS.keys()}
    read = [_read_experiment(Override.read(text, known, groups)) for text in overrides]
    arguments = list({argument.key: argument for argument in read}.values())  # the last of a key wins
    _register(function, arguments)
    folder = str((conf or shipped("conf")).resolve())
    try:
        with initialize_config_dir(folder, job_name=command, version_base="1.3"):
            composed = hydra_compose(command, [argument.quoted() for argument in arguments])
        return _checked(function, composed)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigurationError(_explain(error, function)) from error


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Write settings the way a primary file has them."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(settings)))


def _register(function: Callable[..., Any], arguments: Sequence[Override]) -> None:
    """Tell Hydra the schema of every plug-in that this command line could name."""
    store = ConfigStore.instance()
    for name in options(function).keys() & GROUPS.keys():
        group = GROUPS[name]
        foreign = [a.value for a in arguments if a.key == name and ("." in a.value or ":" in a.value)]
        for choice in [*plugins.available(group.kind), *foreign]:
            try:
                plugin = plugins.load(group.kind, choice)
            except plugins.UnknownPluginError as error:
                raise ConfigurationError(str(error)) from error
            store.store(choice, schema(plugin, group.facts, name=choice), group=name, provider="parzc")


def _read_experiment(argument: Override) -> Override:
    """Register an experiment that is given as a file, under a name that Hydra can look up."""
    file = argument.value
    if argument.key != _EXPERIMENT or not file.endswith((".yaml", ".yml")):
        return argument
    if not Path(file).is_file():
        raise ConfigurationError(f"experiment should be a name or a YAML file, found no file {file!r}")
    try:
        node = OmegaConf.load(file)
    except YAMLError as error:
        raise ConfigurationError(f"{file} should be YAML: {' '.join(str(error).split())}") from error
    ConfigStore.instance().store("file", node, group=_EXPERIMENT, package="_global_", provider="parzc")
    return replace(argument, value="file")


def _checked(function: Callable[..., Any], composed: DictConfig) -> dict[str, Any]:
    typed = OmegaConf.structured(schema(function, untyped=GROUPS.keys()))
    merged = OmegaConf.merge(typed, composed)
    missing = sorted(OmegaConf.missing_keys(merged))
    if missing:
        raise ConfigurationError(f"a value is missing, say {' '.join(f'{key}=…' for key in missing)}")
    values: Any = OmegaConf.to_container(merged, resolve=True, enum_to_str=True)
    for name in values.keys() & GROUPS.keys():
        if isinstance(values[name], dict):
            if "name" not in values[name]:
                raise ConfigurationError(_not_chosen(name))
            plugin = plugins.load(GROUPS[name].kind, values[name]["name"])
            values[name] = as_annotated(plugin, values[name])
    return as_annotated(function, values)


def _explain(error: Exception, function: Callable[..., Any]) -> str:
    """Say in one line, in words of the command line, what Hydra or OmegaConf found."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _explain_choice(*error.missing_cfg_file.rsplit("/", 1))
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, OmegaConfBaseException):
        return _explain_value(cause, function)
    required = re.match(r"You must specify '(\w+)'", str(error))
    if required and required[1] in GROUPS:
        return f"a value is missing, say {required[1]}=…, one of {_choices(required[1])}"
    return _first_line(error)


def _explain_choice(group: str, name: str = "") -> str:
    if group in GROUPS:
        known = plugins.available(GROUPS[group].kind)
    else:
        known = sorted(path.stem for path in (shipped("conf") / group).glob("*.yaml"))
    return f"{group} has no {name!r}{did_you_mean(name, known)}; there are {', '.join(known) or 'none'}"


def _explain_value(error: OmegaConfBaseException, function: Callable[..., Any]) -> str:
    key = str(error.full_key or error.key or "")
    parent, _, last = key.rpartition(".")
    node = error.parent_node
    siblings = (
        [str(name) for name in node] if parent and isinstance(node, DictConfig) else list(options(function))
    )
    if last in siblings or "[" in last:
        if key in GROUPS:
            return _not_chosen(key)
        message = _first_line(error)
        return f"{key} should be a list, such as [a,b]" if "ListConfig" in message else f"{key}: {message}"
    if not siblings:
        return f"{parent} takes one value, found {key}=…"
    hint = did_you_mean(last, siblings)
    return f"there is no key {key!r}{hint}; the keys are {', '.join(siblings)}"


def _not_chosen(group: str) -> str:
    return f"{group} has options only once it is chosen, say {group}=…, one of {_choices(group)}"


def _choices(group: str) -> str:
    return ", ".join(plugins.available(GROUPS[group].kind))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
