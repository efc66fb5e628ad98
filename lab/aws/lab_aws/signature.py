"""Signature Version 4 of the Authorization header.

Presigned query strings and the age of X-Amz-Date are not looked at.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from .answers import ApiError, Request

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request,"
    r"\s*SignedHeaders=([\w;-]+),\s*Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Signature:
    """The parts of an Authorization header."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: list[str]
    value: str


def read(request: Request) -> Signature:
    """The request's signature; MissingAuthenticationToken without a usable one."""
    header = request.headers.get("authorization")
    found = _HEADER.fullmatch(header.strip()) if header else None
    if found is None:
        raise ApiError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    key, date, region, service, headers, value = found.groups()
    return Signature(key, date, region, service, headers.split(";"), value)


def verify(request: Request, signature: Signature, secret: str) -> None:
    """Raises SignatureDoesNotMatch unless the request was signed with `secret`."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )
    canonical = "\n".join(
        [
            request.method,
            quote(request.path, safe="/-_.~") or "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            *(
                f"{name}:{' '.join(request.headers.get(name, '').split())}"
                for name in signature.signed_headers
            ),
            "",
            ";".join(signature.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            request.headers.get("x-amz-date", ""),
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = b"AWS4" + secret.encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request", to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(key.hex(), signature.value):
        raise ApiError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details.",
        )
