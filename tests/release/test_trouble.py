"""What went wrong with a call is told in words: a class name means nothing to a person."""

import re

import httpx
import pytest
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseTimeoutError

from release.trouble import in_words

ERRORS = [
    httpx.ReadTimeout("x"),
    httpx.ConnectError("x"),
    httpx.RemoteProtocolError("x"),
    httpx.InvalidURL("x"),
    httpx.DecodingError("x"),
    httpx.StreamConsumed(),
    ServiceRequestError("x"),
    ServiceResponseTimeoutError("x"),
    IncompleteReadError("x"),
    ValueError("x"),
    KeyError("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_of_a_call_has_words(error: Exception) -> None:
    told = in_words(error)
    assert type(error).__name__ not in told
    assert re.fullmatch(r"[a-z ]+", told)


def test_slow_is_told_apart_from_broken() -> None:
    assert (
        in_words(httpx.ReadTimeout("x")) == in_words(ServiceResponseTimeoutError("x")) == "no answer in time"
    )
    assert in_words(httpx.ReadError("x")) == "the connection broke off"
