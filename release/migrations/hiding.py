"""What a migration's command says, without the secrets it was given."""

from release.masking import HIDDEN, masked


class Hiding:
    """Knows what must not be seen. What only looks like a secret is hidden, too."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = tuple(sorted({one for one in secrets if one}, key=len, reverse=True))

    @property
    def longest(self) -> int:
        """Bytes of the longest secret."""
        return max((len(secret.encode()) for secret in self._secrets), default=0)

    def whole(self, text: bytes) -> bytes:
        """The text without the secrets that are whole in it, before anybody cuts it."""
        for secret in self._secrets:
            text = text.replace(secret.encode(), HIDDEN.encode())
        return text

    def hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return masked(text)
