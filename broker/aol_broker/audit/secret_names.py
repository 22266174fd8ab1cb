"""Does a field's name say that it holds a secret? Values of such fields are never shown, declared sensitive or not."""

import re

ANYWHERE = (
    "pass word",
    "pass wd",
    "pass phrase",
    "pass code",
    "api key",
    "access key",
    "private key",
    "secret key",
    "signing key",
    "encryption key",
    "ssh key",
    "authorization",
    "credential",
)
"""Found anywhere in a name, in any case, whatever stands where the blank is: `userPassword`, `X-Api-Key`."""

WORDS = frozenset({"secret", "secrets", "token", "tokens", "pwd", "ssn", "cvv", "cvc"})
"""Found where they are a word of a name: `client_secret`, `ssnLast4`, and not `secretary` or `tokenizer`."""

ENDINGS = ("secret", "secrets", "token", "tokens", "pwd")
"""Found at the end of a name too, as names are also written in one: `accesstoken`."""

# A name that is one of a secret holds one of these, in small letters. JSON may write letters as \u0070, too.
_TRACES = ("pass", "key", "token", "secret", "pwd", "authorization", "credential", "ssn", "cv", "\\u")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ANYWHERE = re.compile("|".join(part.replace(" ", r"[\W_]*") for part in ANYWHERE))


def names_secret(name: str) -> bool:
    """Whether a name, or a path, is one of a secret."""
    small = name.lower()
    return (
        _ANYWHERE.search(small) is not None
        or small.endswith(ENDINGS)
        or any(word.lower() in WORDS for word in _WORD.findall(name))
    )


def may_name_secrets(text: str) -> bool:
    """Whether a JSON text may hold the name of a secret; it costs far less than looking, and is on every call's way."""
    small = text.lower()
    # A loop, as a generator would cost more than all it does.
    for trace in _TRACES:  # noqa: SIM110
        if trace in small:
            return True
    return False
