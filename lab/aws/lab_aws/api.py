"""The AWS endpoint: IAM, STS and EC2 on one address, told apart by the signature's scope.

Every request is authenticated (key, session token, Signature Version 4) and authorised by
the caller's identity policies. IAM operations are then moto's.
"""

from __future__ import annotations

import sys
import traceback
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import create_environ, run_wsgi_app

from . import ec2, signature, sts
from .answers import Answer, ApiError, Request, error, text
from .control import Faults
from .identity import Caller, Directory
from .journal import Journal


class Api:
    """Answers the requests of one account."""

    def __init__(self, directory: Directory, journal: Journal, faults: Faults) -> None:
        self._directory = directory
        self._journal = journal
        self._faults = faults
        self._moto_iam = create_backend_app("iam")

    def __call__(self, request: Request) -> Answer:
        if request.path == "/ready":
            return text(200, "ready\n")
        service = "sts"
        try:
            signed = signature.read(request)
            service = signed.service
            caller, secret = self._directory.authenticate(
                signed.access_key_id, request.headers.get("x-amz-security-token")
            )
            signature.verify(request, signed, secret)
            return self._dispatch(service, caller, request)
        except ApiError as failure:
            return error(service, _in_words_of(service, failure))
        except Exception as failure:  # a fault of the lab: say so, keep serving
            traceback.print_exc(file=sys.stderr)
            return error(service, ApiError(500, "InternalFailure", f"The lab failed: {failure}"))

    def _dispatch(self, service: str, caller: Caller, request: Request) -> Answer:
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        parameters |= dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        action = parameters.get("Action", "")
        if service == "sts" and action == "AssumeRole":
            self._faults.apply(caller, parameters.get("RoleArn", ""))
            return sts.assume_role(
                self._directory, self._journal, caller, parameters, request.peer
            )
        if service == "sts" and action == "GetCallerIdentity":
            return sts.caller_identity(caller)
        if service == "ec2":
            return ec2.call(self._directory, caller, parameters, request.peer)
        if service == "iam":
            return self._iam(caller, action, parameters, request)
        raise ApiError(400, "InvalidAction", f"The lab has no operation {action} of {service}.")

    def _iam(
        self, caller: Caller, action: str, parameters: dict[str, str], request: Request
    ) -> Answer:
        with self._directory.lock:
            resource = self._iam_resource(parameters)
            context = sts.context_of(caller, parameters, request.peer)
            verdict = sts.identity_verdict(
                self._directory, caller, f"iam:{action}", resource, context
            )
            if not verdict.allowed:
                raise sts.denial(
                    caller,
                    f"iam:{action}",
                    resource,
                    "an identity-based policy" if verdict.denied else "",
                )
            environ = create_environ(
                path=request.path,
                base_url="http://iam.amazonaws.com",
                query_string=request.query,
                method=request.method,
                headers=[(k, v) for k, v in request.headers.items() if k != "host"],
                data=request.body,
            )
            body, status, headers = run_wsgi_app(self._moto_iam, environ, buffered=True)
            payload = b"".join(body)
        kept = {k: v for k, v in headers.items() if k.lower() != "content-length"}
        return Answer(int(status.split()[0]), payload, kept)

    def _iam_resource(self, parameters: dict[str, str]) -> str:
        """The ARN an IAM operation is about; `*` where the lab does not work it out."""
        prefix = f"arn:aws:iam::{self._directory.account}"
        if "PolicyArn" in parameters and "RoleName" not in parameters:
            return parameters["PolicyArn"]
        for kind in ("Role", "User", "Group", "InstanceProfile", "Policy"):
            name = parameters.get(f"{kind}Name")
            if name is None or (kind == "Policy" and "PolicyDocument" not in parameters):
                continue
            role = self._directory.role_by_name(name) if kind == "Role" else None
            if role is not None:
                return str(role.arn)
            word = "instance-profile" if kind == "InstanceProfile" else kind.lower()
            return f"{prefix}:{word}{parameters.get('Path') or '/'}{name}"
        return "*"


def _in_words_of(service: str, failure: ApiError) -> ApiError:
    """EC2 has other words for the same refusals."""
    if service != "ec2":
        return failure
    if failure.code in ("InvalidClientTokenId", "SignatureDoesNotMatch"):
        return ApiError(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
    if failure.code == "ExpiredToken":
        return ApiError(400, "RequestExpired", "Request has expired.")
    return failure
