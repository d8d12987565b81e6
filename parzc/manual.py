"""What `--help` prints."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from parzc.shipped import shipped, shipped_features, shipped_proxies

__all__ = ["OVERVIEW", "describe", "list_commands"]

OVERVIEW = """\
usage: parzc COMMAND key=value …           run a command
       parzc COMMAND --help                list its keys, its plug-ins and their options
       parzc COMMAND key=value … --show    print the whole configuration and stop
       parzc --version

Learned zero-cost proxies: predict how well a network will do, without training it.

commands:
{commands}

Values:
  seed=1  out=runs/a  statistics=a,b       numbers, text, lists: no quotes beyond those of your shell
  space=nasbench201 space.channels=8       a plug-in by name, its options by dotted keys
  space=my_package.my_module:MySpace       a plug-in from outside parzc
  experiment=NAME, experiment=FILE.yaml    many values at once; what is typed beside it wins

Exit status: 0 done, 1 failed, 2 wrong usage. PARZC_DEBUG=1 shows where an error comes from."""


def list_commands() -> str:
    """Describe each command by the first comment of its primary file, importing none.

    Returns:
        One indented line a command.
    """
    files = sorted(shipped("conf").glob("*.yaml"))
    return "\n".join(f"  {_typed(file.stem):<14} {_first_comment(file.read_text())}" for file in files)


def describe(command: str, function: Callable[..., Any]) -> str:
    """Describe one command: its primary file and the plug-ins that it can be given.

    Args:
        command: The name of a primary file.
        function: The command.

    Returns:
        Several lines.
    """
    # Only this part of the manual needs what imports Hydra.
    from parzc.config import GROUPS
    from parzc.schema import options

    primary = (shipped("conf") / f"{command}.yaml").read_text().strip()
    parts = [f"usage: parzc {_typed(command)} key=value …   (??? has to be given)", primary]
    parts += [_describe_group(name) for name in GROUPS if name in options(function)]
    if "parzc/proxies" in primary:
        parts += [_list("proxy=NAME, one of", "proxies")]
        parts += [_list("'proxy=NAME(PROXY,PROXY,…)', one of", "aggregations")]
    if "parzc/competitors" in primary:
        parts += [
            _list("leaderboard=NAME,NAME, a predictor, a proxy, a proxy file, or one of", "competitors")
        ]
    parts += _describe_shipped(options(function).keys())
    parts += _describe_experiments(command)
    return "\n\n".join(parts)


def _describe_group(name: str) -> str:
    from parzc import plugins
    from parzc.config import GROUPS
    from parzc.schema import options

    group = GROUPS[name]
    choices = plugins.available(group.kind)
    width = max(map(len, choices))
    lines = [f"{name}=NAME, one of"]
    for choice in choices:
        plugin = plugins.load(group.kind, choice)
        lines.append(f"  {choice:<{width}} {_summary(plugin)}")
        lines += [
            f"  {'':<{width}}   {name}.{option}={_default(parameter)}"
            for option, parameter in options(plugin, group.facts).items()
        ]
    return "\n".join(lines)


def _list(heading: str, kind: str) -> str:
    from parzc import plugins

    names = plugins.available(kind)
    width = max(map(len, names))
    lines = [f"  {name:<{width}} {_summary(plugins.load(kind, name))}" for name in names]
    return "\n".join([heading, *lines])


def _describe_shipped(keywords: Collection[str]) -> list[str]:
    known = {"features": shipped_features(), "proxy": shipped_proxies()}
    return [
        f"{keyword}=NAME, one of those that parzc ships\n  {', '.join(names)}"
        for keyword, names in known.items()
        if keyword in keywords and names
    ]


def _describe_experiments(command: str) -> list[str]:
    files = sorted(shipped("conf/experiment").glob("*.yaml"))
    texts = {file.stem: file.read_text() for file in files}
    known = {
        name: _first_comment(text) for name, text in texts.items() if f"parzc {_typed(command)} " in text
    }
    lines = [f"  {name:<{max(map(len, known))}} {comment}" for name, comment in known.items()]
    return ["\n".join(["experiment=NAME, one of", *lines])] if lines else []


def _summary(plugin: Any) -> str:
    return (inspect.getdoc(plugin) or "").partition("\n")[0]


def _default(parameter: inspect.Parameter) -> str:
    """Write a default as it would be typed."""
    default = parameter.default
    if default is parameter.empty:
        return "???"
    if isinstance(default, list | tuple):
        return f"[{','.join(str(item) for item in default)}]"
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return str(default)


def _typed(command: str) -> str:
    return command.replace("_", " ")


def _first_comment(text: str) -> str:
    comments = (line.lstrip("# ") for line in text.splitlines() if not line.startswith("# @"))
    return next(comments)
