"""What must not be shown of a URL, wherever one stands: credentials before the host, and all that follows a ``?``."""

import re

_HIDDEN = "***"
# To the last @: a secret may hold slashes and question marks. One slash is enough, since people mistype.
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/+)[^\s\"'<>]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/+[^\s\"'<>?#]*)[?#][^\s\"'<>]*")
_PARAMETER = re.compile(
    r"\b((?:sig|signature|token|password|secret|credential|x-(?:amz|goog)-[a-z-]+"
    r"|(?:aws_?|account_?|secret_?|access_?|session_?|sas_?)+(?:key|token|id))=)[^\s&,;\"'<>]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return a text with what may be a secret in its URLs and parameters replaced by ``***``; the rest as it is.

    Scheme, host and path of a URL stay, so that people know which place is meant. Too much rather than too little is
    hidden: of a path with an @ in it, what stands before that.
    """
    if "=" not in text and ":" not in text:
        return text
    text = _CREDENTIALS.sub(rf"\1{_HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{_HIDDEN}", text)
    return _PARAMETER.sub(rf"\1{_HIDDEN}", text)
