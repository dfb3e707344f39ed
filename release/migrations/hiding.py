"""What a migration's command says, without the secrets it was given."""

from release.masking import HIDDEN, masked


class Hiding:
    """Knows what must not be seen. What only looks like a secret is hidden, too."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = tuple(sorted({one for one in secrets if one}, key=len, reverse=True))

    def hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return masked(text)
