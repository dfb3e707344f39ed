"""What became of a call that got no proper answer, in words for people: never the name of a class."""

import httpx
from azure.core.exceptions import (
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

# The first that fits; the more exact ones come first.
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (httpx.TimeoutException, ServiceRequestTimeoutError, ServiceResponseTimeoutError, TimeoutError),
        "no answer in time",
    ),
    ((httpx.ConnectError, ServiceRequestError), "no connection"),
    ((httpx.DecodingError, httpx.TooManyRedirects), "an answer that cannot be read"),
    ((httpx.UnsupportedProtocol, httpx.InvalidURL), "an address that makes no sense"),
    (
        (httpx.TransportError, httpx.StreamError, ServiceResponseError, IncompleteReadError),
        "the connection broke off",
    ),
    ((ValueError,), "an answer that cannot be read"),
)


def in_words(error: BaseException) -> str:
    """One of httpx's, the SDK's or our own reading's errors, as a person would say it."""
    for kinds, words in _WORDS:
        if isinstance(error, kinds):
            return words
    return "no proper answer"
