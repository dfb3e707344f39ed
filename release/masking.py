"""What foreign programs and services say, without what looks like a secret: it goes into threads and records.

Nobody can tell a short password from a word, so a text is never shown whole where a cause of our own
would do; this is the second net, for the lines that people need to find out why.
"""

import re

HIDDEN = "[hidden]"
_BEYOND = 4096
"""Characters beyond a cut that are looked at, too: foreign text has no end, and all of it would take minutes."""

_LABELLED = re.compile(
    r"""((?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|key|sig|signature)[\w.-]{0,100}  # what it is called,
        ['"`\]]*\s*[:=,]\s*['"`]?)                                                     # a separator,
        [^\s'"`,;&)]{4,}                                                                # and the secret""",
    re.IGNORECASE | re.VERBOSE,
)
_SCHEME = re.compile(r"\b(bearer|basic)\s+(?=\S*[\d.+/=])[\w.+/=-]{8,}", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
# Without https://, too, as Slack shows an address that was typed so. What closes a sentence stays.
_QUERY = re.compile(r"(\w+://[^\s?]+|[^\s?|<>]/[^\s?|<>]*(?=\?\S*=))\?[^\s>|]*[^\s>|”.]")
_SHAPES = re.compile(
    r"""\b(?:xox[a-z]|xapp)-[\w-]+          # Slack
      | \beyJ[\w-]+\.[\w.-]+                # a JSON web token
      | \b[sprw]k_(?:live|test)_\w+ | \bwhsec_\w+   # Stripe
      | \bnpm_\w{20,} | \bgh[pousr]_\w{20,}
      | \b[0-9a-f]{24}:[0-9a-f]{64}\b       # a Ghost Admin API key
      | (?<!\w)                            # long and mixed,
        (?!(?:\d{1,17}|[Vv]\d{1,6}|[0-9a-f]{8,14})(?:_+[A-Za-z]+\d?)+(?![\w+=]))  # but for a migration's name,
        (?=[A-Za-z+=_]*\d)(?=[\d+=_]*[A-Za-z])[A-Za-z0-9+=_]{20,}
    """,
    re.VERBOSE,
)


def masked(text: str) -> str:
    """The text with `[hidden]` for passwords, tokens and keys as far as they can be recognised."""
    text = _IN_ADDRESS.sub(f"{HIDDEN}@", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _LABELLED.sub(rf"\1{HIDDEN}", text)
    return _SHAPES.sub(HIDDEN, text)


def masked_start(text: str, most: int) -> str:
    """The first `most` characters of the text, masked; cut before it, half a secret would not be known for one."""
    return masked(text[: most + _BEYOND])[:most]


def masked_end(text: str, most: int) -> str:
    """The same of its end."""
    return masked(text[-most - _BEYOND :])[-most:]


def without_secrets(typed: str) -> str:
    """What somebody typed, with what an address may carry besides host and path hidden: a password, a signature."""
    return _QUERY.sub(rf"\1?{HIDDEN}", _IN_ADDRESS.sub(f"{HIDDEN}@", typed))
