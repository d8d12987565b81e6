"""The command line: `parzc COMMAND key=value …`."""

import os
import sys
from collections.abc import Sequence

from parzc import __version__
from parzc.manual import OVERVIEW, list_commands

__all__ = ["main"]

_FAILED, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130

# What a command raises for a person to read. Anything else is a fault of ours and keeps its traceback.
_EXPECTED = (ValueError, LookupError, OSError, RuntimeError, TypeError, ImportError, EOFError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: What follows the program's name; `sys.argv[1:]` by default.

    Returns:
        The exit status: 0 done, 1 the command failed, 2 wrong usage, 130 interrupted.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if not typed or typed[0] in ("-h", "--help", "help"):
        print(OVERVIEW.format(commands=list_commands()))
        return 0 if typed else _WRONG_USAGE
    if typed[0] in ("-V", "--version"):
        print(f"parzc {__version__}")
        return 0
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # so that network=my_module:build finds the caller's module
    try:
        return _run(typed)
    except KeyboardInterrupt:
        print("parzc: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _run(typed: Sequence[str]) -> int:
    # Imported only now, because `parzc --help` should not wait for Hydra, and for torch with a command.
    from parzc.config import as_yaml, command_function, commands, compose
    from parzc.manual import describe
    from parzc.overrides import ConfigurationError

    words = 2 if "_".join(typed[:2]) in commands() else 1
    command, typed = "_".join(typed[:words]), typed[words:]
    try:
        function = command_function(command)
        if "--help" in typed or "-h" in typed:
            print(describe(command, function))
            return 0
        settings = compose(command, [text for text in typed if text != "--show"], function=function)
    except ConfigurationError as error:
        return _fail(error, _WRONG_USAGE)
    if "--show" in typed:
        print(as_yaml(settings), end="")
        return 0
    try:
        function(**settings)
    except _EXPECTED as error:
        return _fail(error, _FAILED)
    return 0


def _fail(error: Exception, status: int) -> int:
    """Say in one line what went wrong, or raise for whoever wants to see where."""
    if os.environ.get("PARZC_DEBUG"):
        raise error
    said = error.args[0] if isinstance(error, KeyError) and error.args else error  # str(KeyError) has quotes
    message = " ".join(str(said).split()) or type(error).__name__
    print(f"parzc: error: {message}", file=sys.stderr)
    return status
