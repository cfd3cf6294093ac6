"""What the schema-driven fuzzer must know of the API beyond its OpenAPI document: how a module is sent."""

import schemathesis


@schemathesis.serializer("application/wasm")
def wasm(ctx, value):
    """As it is; what the fuzzer makes up in place of bytes is sent as its text."""
    value = getattr(value, "data", value)
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
