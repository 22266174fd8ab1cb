"""Is this value a credential? The names of fields that hold one, and the forms that vendors give theirs.

What `audit.secret_names` calls secret is wider: showing too little is cheap there, refusing too much is not here.
"""

import re
from functools import lru_cache

import re2

NAMES = (
    "pass word",
    "pass wd",
    "pwd",
    "pass phrase",
    "(?:user|admin|root|db|database|smtp) pass word",
    "api key",
    "api secret",
    "api token",
    "(?:access|refresh|auth|bearer|session) token",
    "(?:client|app|webhook) secret",
    "(?:private|secret|signing|encryption|ssh) key",
    "(?:aws )?secret access key",
)
"""The names, as patterns of words: `api_key`, `API-Key`, `apiKey` and `apikey` are one."""

# What is public of the forms, in vendors' documentation and in the rules of secret scanners: what each is of, how it
# begins, and how it goes on, for so long that words and ids are none.
FORMS: tuple[tuple[str, str, str], ...] = (
    ("an AWS access key", r"A[KS]IA", r"[A-Z2-7]{16}\b"),
    ("a Google API key", r"AIza", r"[\w-]{35}"),
    ("a Google OAuth secret", r"GOCSPX-", r"[\w-]{28}"),
    ("a Google OAuth token", r"ya29\.", r"[\w-]{30}"),
    ("a GitHub token", r"gh[pousr]_", r"[A-Za-z0-9]{36}"),
    ("a GitHub token", r"github_pat_", r"\w{60}"),
    ("a GitLab token", r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt)-", r"[\w-]{20}"),
    ("a Slack token", r"xox[abeoprs]-", r"[A-Za-z0-9-]{20}"),
    ("a Slack token", r"xapp-\d-", r"[A-Z0-9]{9,12}-\d{10}"),
    ("a Stripe key", r"[rs]k_(?:live|test|prod)_", r"[A-Za-z0-9]{16}"),
    ("a Stripe secret", r"whsec_", r"[A-Za-z0-9+/]{24}"),
    ("an OpenAI key", r"sk-(?:proj|svcacct|admin)-", r"[\w-]{40}"),
    ("an OpenAI key", r"sk-[A-Za-z0-9]{20}", r"T3BlbkFJ"),
    ("an Anthropic key", r"sk-ant-", r"[a-z]{3,9}\d\d-[\w-]{60}"),
    ("a Hugging Face token", r"hf_", r"[A-Za-z0-9]{34}"),
    ("a SendGrid key", r"SG\.", r"[\w-]{22}\.[\w-]{43}"),
    ("an npm token", r"npm_", r"[A-Za-z0-9]{36}"),
    ("a PyPI token", r"pypi-AgE", r"[\w-]{50}"),
    ("a RubyGems key", r"rubygems_", r"[0-9a-f]{48}"),
    ("a Docker token", r"dckr_[op]at_", r"[\w-]{27}"),
    ("a DigitalOcean token", r"do[opr]_v1_", r"[0-9a-f]{64}"),
    ("a Databricks token", r"dapi", r"[0-9a-f]{32}\b"),
    ("a Shopify token", r"shp(?:at|ca|pa|ss)_", r"[0-9a-fA-F]{32}"),
    ("a Vault token", r"hv[bs]\.", r"[\w-]{24}"),
    ("a Grafana token", r"gl(?:sa|c)_", r"[A-Za-z0-9+/=_]{32}"),
    ("a Linear key", r"lin_api_", r"[A-Za-z0-9]{40}"),
    ("a Postman key", r"PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    ("a New Relic key", r"NRAK-", r"[A-Z0-9]{27}"),
    ("an Atlassian token", r"ATATT3", r"[\w=-]{60}"),
    ("an age key", r"AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
    ("a private key", r"BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY", r"(?: BLOCK)?-----"),
    ("a private key", r"PuTTY-User-Key-File-\d", r": "),
)
# A form within a text begins with a word.
_FORM = re.compile(r"\b(?:" + "|".join(f"({begin}{rest})" for _, begin, rest in FORMS) + ")", re.ASCII)
_FORM_MIN_CHARACTERS = 20

_NAME = re.compile("|".join(f"(?:{name.replace(' ', '[_-]*')})" for name in NAMES), re.ASCII | re.IGNORECASE)
_NAMES_KEPT = 4096

_REFERENCE = re.compile(
    r"(?:env|vault|openbao|file|secrets?|ref|kms|ssm|op|keyring|keychain|sops|doppler|infisical|conjur"
    r"|k8s|kubernetes|(?:aws|gcp|azure)[a-z-]*):\S.*"
    r"|arn:aws[a-z-]*:(?:secretsmanager|ssm|kms):.+"
    r"|projects/[^/]+/secrets/.+"
    r"|\$\{[^{}]+\}|\{\{[^{}]+\}\}",
    re.DOTALL,
)


def _traces() -> str:
    """Return what stands in each JSON text that holds a credential, as a pattern for one fast look at it.

    It is RE2's, whose time does not depend on the text: a megabyte is two milliseconds. That needs few states, so that
    it looks at how forms begin only.
    """
    begun = "|".join(begin for _, begin, _ in FORMS)
    return "|".join(
        (
            # What is escaped hides what it is: \u0070assword.
            r"\\u",
            f'(?i:"(?:{_NAME.pattern})")',
            # Before a word, an escaped line break looks like its first letter.
            rf"(?:\b|\\[nrtbf])(?:{begun})",
        )
    )


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_TRACE = re2.compile(_traces(), _OPTIONS)


@lru_cache(maxsize=_NAMES_KEPT)
def names_credential(key: str) -> bool:
    """Whether a field of this name holds a credential, when it holds text."""
    return _NAME.fullmatch(key) is not None


def is_reference(value: str) -> bool:
    """Whether a text says where a credential is kept, or says nothing."""
    return not value or _REFERENCE.fullmatch(value) is not None


def form_of_credential(value: str) -> str:
    """Return what a text holds by its form, for example `a GitHub token`; empty when it is none that is known."""
    if len(value) < _FORM_MIN_CHARACTERS or _TRACE.search(value) is None:
        return ""
    found = _FORM.search(value)
    return "" if found is None else FORMS[(found.lastindex or 1) - 1][0]


def may_hold_credential(text: str) -> bool:
    """Whether a document of this JSON text may hold a credential: one that does always may.

    It stands in every insert's way, and looks at the text only, which costs a microsecond or two.
    """
    return _TRACE.search(text.encode()) is not None
