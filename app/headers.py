"""Headers that keep browsers from doing with an answer what it is not meant for.

Source: OWASP, REST Security Cheat Sheet, "Security Headers".
"""

import base64
import hashlib
import re
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders

COMMON: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
POLICY = "Content-Security-Policy"
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE = f"{NOTHING}; style-src 'unsafe-inline'; img-src data:"
"""For pages that need no other file, whose pictures are styled in place."""
HTML = "text/html"
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_security_headers(headers: MutableHeaders) -> None:
    """Add what an answer does not have yet."""
    for name, value in COMMON.items():
        headers.setdefault(name, value)
    is_page = headers.get("content-type", "").startswith(HTML)
    headers.setdefault(POLICY, PAGE if is_page else NOTHING)


def allow_page_scripts(html: str) -> str:
    """Return the policy of a page that runs its own script, files of ours, and nothing else."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in INLINE_SCRIPT.findall(html))
    return (
        f"{NOTHING}; script-src 'self' {hashes}; connect-src 'self'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
