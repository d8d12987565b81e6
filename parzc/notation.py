"""How a proxy is written: `synflow`, or `vote(synflow,jacob_cov,snip)`, nested at will."""

import re

__all__ = ["plugins_named", "read_call"]

_CALL = re.compile(r"\s*([\w.:]+)\s*\((.*)\)\s*", re.DOTALL)


def read_call(text: str) -> tuple[str, list[str]] | None:
    """Read an aggregation and its members.

    Args:
        text: A proxy as it was typed.

    Returns:
        The aggregation's name and what stands between its commas, or nothing if the text is a name.

    Raises:
        ValueError: If parentheses do not match, or there are no members.
    """
    if not set("()") & set(text):
        return None
    found = _CALL.fullmatch(text)
    members = _split(found[2]) if found else None
    if found is None or not members or not all(members):
        raise ValueError(f"an aggregate should be written like az_rank(synflow,snip), got {text!r}.")
    return found[1], members


def plugins_named(text: str) -> list[tuple[str, str]]:
    """List the plug-ins that a notation names, importing none.

    Args:
        text: A proxy as it was typed.

    Returns:
        Plug-in folder and name of each.

    Raises:
        ValueError: As for `read_call`.
    """
    call = read_call(text)
    if call is None:
        return [("proxies", text.strip())]
    name, members = call
    return [("aggregations", name), *(named for member in members for named in plugins_named(member))]


def _split(text: str) -> list[str] | None:
    """Split at the commas that are in no parentheses; nothing if the parentheses do not match."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return None
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts] if depth == 0 else None
