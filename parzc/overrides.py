"""Read `key=value` as a person types it."""

import difflib
import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from parzc.schema import takes_only_lists, takes_only_text

__all__ = ["ConfigurationError", "Override", "did_you_mean"]

# What Hydra's grammar reads as something else than text: numbers, true, null, lists, mappings, quoted text.
_NOT_TEXT = re.compile(
    r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan|true|false|null|\?\?\?|\[.*\]|\{.*\}|'.*'|\".*\"",
    re.IGNORECASE | re.DOTALL,
)
_NULL_OR_QUOTED = re.compile(r"null|'.*'|\".*\"", re.DOTALL)


class ConfigurationError(ValueError):
    """What was typed cannot be run: an unknown key or plug-in, a missing or wrong value."""


@dataclass(frozen=True)
class Override:
    """One `key=value` of the command line.

    Attributes:
        key: The dotted key.
        value: What was typed after the equals sign.
        annotation: The type of the keyword that the key names, where it names one.
        is_choice: Whether the value names a plug-in or an experiment.
    """

    key: str
    value: str
    annotation: object = inspect.Parameter.empty
    is_choice: bool = False

    @classmethod
    def read(cls, typed: str, known: Mapping[str, inspect.Parameter], groups: Collection[str]) -> "Override":
        """Split what was typed and check that the command has such a key.

        Args:
            typed: One argument.
            known: The command's keywords.
            groups: Keys whose value is one name.

        Raises:
            ConfigurationError: If there is no equals sign, no such key, or no name where one should be.
        """
        key, equals, value = typed.partition("=")
        key = key.lstrip("+")  # Hydra's mark for a key that the primary file lacks; nothing here needs it
        if not equals or not key:
            raise ConfigurationError(f"arguments should be key=value, found {typed!r}")
        root = key.partition(".")[0]
        if root not in known and root not in groups:
            hint = did_you_mean(root, [*known, *groups])
            raise ConfigurationError(f"there is no key {root!r}{hint}; the keys are {', '.join(known)}")
        if key in groups and value[:1] in ("[", "{"):
            raise ConfigurationError(
                f"{key} should be one name, with options as {key}.OPTION=…, found {value}"
            )
        annotation = known[key].annotation if key in known else inspect.Parameter.empty
        return cls(key, value, annotation, is_choice=key in groups)

    def quoted(self) -> str:
        """Write the override in Hydra's grammar, with text in quotes whatever characters it has.

        A value for text stays text even if it looks like a number, and `a,b` for a list is a list.
        """
        if not self.value:
            return f"{self.key}="
        if self.is_choice:
            return f"~{self.key}" if self.value == "null" else f"{self.key}={_quote(self.value)}"
        if takes_only_text(self.annotation):
            bare = _NULL_OR_QUOTED.fullmatch(self.value)
        else:
            bare = _NOT_TEXT.fullmatch(self.value)
        if takes_only_lists(self.annotation) and not (bare and self.value[0] in "[nN?"):
            return f"{self.key}=[{','.join(_quote(part.strip()) for part in self.value.split(','))}]"
        return f"{self.key}={self.value if bare else _quote(self.value)}"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Suggest the nearest of some words, in a form that ends a sentence; or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _quote(text: str) -> str:
    if _NOT_TEXT.fullmatch(text) and text[0] in "'\"":
        return text
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), text)
    return f"'{escaped}'"
