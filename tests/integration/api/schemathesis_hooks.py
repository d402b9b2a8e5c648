"""What Schemathesis has to be told to ask this API."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_ctx: Any, value: Any) -> bytes:
    """A body of lines, as it is; what is no text has none."""
    return value.encode(errors="surrogatepass") if isinstance(value, str) else b""
