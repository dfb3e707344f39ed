"""What foreign programs say is shown without what looks like a secret, and otherwise as it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.masking import masked, masked_end, masked_start, without_secrets

SHOWN = [
    "There is not enough space on the disk.",
    "Deployment aborted by container restart",
    "the key is missing",
    "token expired yesterday",
    "npm error code E404 https://registry.example.com/ghost",
    "/home/x/.cache/ghostbot/tools/pnpm-11.8.0/index.js",
    "2024-10-01-add-email-only.js failed",
    "SQLITE_CONSTRAINT: UNIQUE constraint failed: settings.key",
    "The web app blog/staging was not found in resource group 12345678-1234-1234-1234-123456789abc.",
    "basic authentication is disabled",
    "Applied: 20260201000000_products_have_a_stock.sql in 155.8ms",
    "Applying migration '20240101123456_AddStockToProducts2'.",
    "ae1027a6acf_add_column_to_products.py",
    "Migrating schema to V12__Products_have_a_stock",
]
HIDDEN = {
    "Password=hunter2x; Server=tcp:db": "hunter2x",
    "password: correcthorse": "correcthorse",
    "('stripe_secret_key', 'rosebud')": "rosebud",
    "insert into `settings` values ('mailgun_api_key','key-0123abc')": "0123abc",
    "http://ann:rosebud@proxy.example:3128": "rosebud",
    "//registry.example/:_authToken=npmABC": "npmABC",
    "Authorization: Bearer abc.def.ghi": "abc.def",
    "AccountKey=abc/def==;EndpointSuffix=x": "abc/def",
    "sv=2024&sig=a%2Bb%3D&se=2026": "a%2Bb",
    "xoxb-12-ab refused": "xoxb-12-ab",
    "key 0123456789abcdef01234567:" + "0123456789abcdef" * 4: "0123456789abcdef",
    '{"token": "eyJhbGciOi.eyJzdWIiOi.c2ln"}': "eyJhbGciOi",
    "publishing with k3yk3yk3yk3yk3yk3yk3yk3y as $blog": "k3yk3y",
    "tried 20260201000000_k3yk3yk3yk3y": "k3yk3yk3y",
    "tried 12345678_AbCdEfGh9_jKlMnOpQ=": "AbCdEfGh9",
}


@pytest.mark.parametrize("text", SHOWN)
def test_ordinary_complaints_stay_as_they_are(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(("text", "secret"), HIDDEN.items(), ids=range(len(HIDDEN)))
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret not in masked(text)
    assert "[hidden]" in masked(text)


@given(st.text(max_size=300))
def test_any_text_can_be_masked_and_twice_is_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (
            "deploy shop https://ci:hunter22@b.example.com/s.zip",
            "deploy shop https://[hidden]@b.example.com/s.zip",
        ),
        (
            "There is no site called https://b.example.com/s.zip?sig=Zm9v.",
            "There is no site called https://b.example.com/s.zip?[hidden].",
        ),
        (
            "“https://b.example.com/s.zip?sv=1&sig=Zm9v”. Did you",
            "“https://b.example.com/s.zip?[hidden]”. Did you",
        ),
        (
            "<http://b.example.com/s.zip?sig=Zm9v|b.example.com/s.zip?sig=Zm9v>",
            "<http://b.example.com/s.zip?[hidden]|b.example.com/s.zip?[hidden]>",
        ),
        ("and/or? He asked", "and/or? He asked"),
    ],
)
def test_what_was_typed_is_kept_without_what_an_address_carries(typed: str, kept: str) -> None:
    assert without_secrets(typed) == kept


@given(
    st.integers(1, 40),
    st.sampled_from(["password=hunter2-and-more", "https://ann:hunter2-and-more@example.com"]),
)
def test_a_cut_leaves_no_half_of_a_secret(at: int, said: str) -> None:
    for text in (masked_start(f"{said} said no", at), masked_end(f"I said {said}", at)):
        assert len(text) <= at
        assert "hunt" not in text
        assert "more" not in text


def test_a_line_without_an_end_is_masked_in_a_moment() -> None:
    began = time.process_time()
    masked("key" * 30_000)
    assert time.process_time() - began < 2
