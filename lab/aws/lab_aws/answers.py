"""Requests and answers, and AWS's ways of writing an error."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: str


@dataclass(frozen=True)
class Answer:
    """What goes back: status, body and the headers beside Content-Length."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An error that AWS would answer with; `status` is its HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
}


def text(status: int, body: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, body.encode(), {"Content-Type": "text/plain", **(headers or {})})


def json_text(status: int, body: str) -> Answer:
    return Answer(status, body.encode(), {"Content-Type": "application/json"})


def xml(status: int, body: str) -> Answer:
    return Answer(status, body.encode(), {"Content-Type": "text/xml"})


def result(service: str, action: str, inner: str) -> Answer:
    """A query-protocol answer: <ActionResponse><ActionResult>inner."""
    return xml(
        200,
        f'<{action}Response xmlns="{NAMESPACES[service]}"><{action}Result>{inner}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        f"</{action}Response>",
    )


def error(service: str, failure: ApiError) -> Answer:
    """The error in the form of the service: EC2 has its own, the others share one."""
    code, message = escape(failure.code), escape(failure.message)
    if service == "ec2":
        return xml(
            failure.status,
            '<?xml version="1.0" encoding="UTF-8"?>'
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            f"</Errors><RequestID>{uuid.uuid4()}</RequestID></Response>",
        )
    kind = "Receiver" if failure.status >= 500 else "Sender"
    return xml(
        failure.status,
        f'<ErrorResponse xmlns="{NAMESPACES.get(service, NAMESPACES["sts"])}"><Error>'
        f"<Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>",
    )
