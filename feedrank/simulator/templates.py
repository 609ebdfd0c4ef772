"""The small language of the text files: slots in braces, alternatives in square brackets.

`{a}` is the value of fact a; `{a.last}` its last word (a surname); `{a.a}` the value with its indefinite article
(English). `[x|y|z]` stands for one of its alternatives, which may hold slots. Knows nothing of what facts mean or
where templates come from.
"""

import re
from collections.abc import Mapping

import numpy as np

from feedrank.errors import InvalidInput

_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)(?:\.(last|a))?\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_VOWEL_SOUND = re.compile(r"(?:[aeiouAEIOU]|8|1[18](?:\D|$))")
_DOUBLED_POSSESSIVE = re.compile(r"(?<=s)'s\b")


def slots(template: str) -> frozenset[str]:
    """The fact names a template asks for, in all its alternatives."""
    return frozenset(match.group(1) for match in _SLOT.finditer(template))


def check(template: str, known: frozenset[str], where: str) -> None:
    """Raises InvalidInput, naming `where`, if a template has stray brackets or asks for a fact that is not known."""
    rest = _SLOT.sub("", template)
    if any(mark in _CHOICE.sub("", rest) for mark in "[]{}"):
        raise InvalidInput(f"{where}: unbalanced or malformed brackets in {template!r}")
    unknown = slots(template) - known
    if unknown:
        raise InvalidInput(f"{where}: {template!r} asks for {sorted(unknown)}; its frame has {sorted(known)}")


def render(template: str, facts: Mapping[str, str], rng: np.random.Generator, *, capital: bool = True) -> str:
    """One sentence or headline: alternatives drawn uniformly, slots filled, first letter upper case if `capital`.

    Raises KeyError for a fact that is missing; `check` at loading time rules that out.
    """

    def choose(match: re.Match[str]) -> str:
        options = match.group(1).split("|")
        return options[int(rng.integers(len(options)))]

    def fill(match: re.Match[str]) -> str:
        value = facts[match.group(1)]
        form = match.group(2)
        if form == "last":
            return value.rsplit(" ", 1)[-1]
        if form == "a":
            return f"{'an' if _VOWEL_SOUND.match(value) else 'a'} {value}"
        return value

    text = _SLOT.sub(fill, _CHOICE.sub(choose, template))
    text = _DOUBLED_POSSESSIVE.sub("'", text.replace("'s's", "'s"))
    return sentence(text) if capital else text


def sentence(text: str) -> str:
    """Upper-cases the first letter, which may stand behind an opening quote, and closes runs of spaces."""
    text = " ".join(text.split())
    for index, letter in enumerate(text):
        if letter.isalnum():
            return text[:index] + letter.upper() + text[index + 1 :]
    return text
