"""Trust policies that follow the principal and not its name.

AWS keeps a role or user named in a trust policy by its unique id (AROA…, AIDA…). A role
that is deleted and created again has another id: the trust no longer applies to it, and
GetRole shows the bare id. moto keeps the text as given, so its Role gets a property that
stores ids and shows ARNs.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.models import IAMBackend, Role, iam_backends
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

from .identity import Caller
from .policy import NotEvaluated, Verdict, as_list, statement_applies, statements

_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_SESSION = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/[\w+=,.@-]+")
_ACCOUNT = re.compile(r"(?:arn:aws:iam::)?(\d{12})(?::root)?")


def _stored(principal: str, iam: IAMBackend) -> str | None:
    """The form in which AWS keeps a principal; None when there is no such principal."""
    if principal == "*":
        return principal
    account = _ACCOUNT.fullmatch(principal)
    if account:
        # The lab has one account.
        return f"arn:aws:iam::{iam.account_id}:root" if account[1] == iam.account_id else None
    session = _SESSION.fullmatch(principal)
    if session:
        known = any(role.name == session[2] for role in iam.get_roles())
        return principal if known and session[1] == iam.account_id else None
    for entity in [*iam.get_roles(), *iam.users.values()]:
        if principal in (entity.arn, entity.id):
            return entity.id
    return None


def _map_principals(document: str, change: Any) -> str:
    parsed = json.loads(document)
    for statement in as_list(parsed.get("Statement")):
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if not isinstance(principals, dict):
                continue
            for kind, names in principals.items():
                changed = [change(kind, name) for name in as_list(names)]
                principals[kind] = changed if isinstance(names, list) else changed[0]
    return json.dumps(parsed)


def store(document: str, iam: IAMBackend) -> str:
    """The document with every role and user as its id; refuses what AWS refuses."""
    IAMTrustPolicyDocumentValidator(document).validate()

    def change(kind: str, name: str) -> str:
        kept: str | None = name
        if kind == "AWS":
            kept = _stored(name, iam)
        elif kind == "Service" and not _SERVICE.fullmatch(name):
            kept = None
        if kept is None:
            raise MalformedPolicyDocument(f'Invalid principal in policy: "{kind}":"{name}"')
        return kept

    return _map_principals(document, change)


def show(document: str, iam: IAMBackend) -> str:
    """The document with every id that still exists as its ARN."""
    arns = {entity.id: entity.arn for entity in [*iam.get_roles(), *iam.users.values()]}
    return _map_principals(document, lambda _kind, name: arns.get(name, name))


def install() -> None:
    """Give moto's Role the trust document described above."""

    def get(role: Any) -> str:
        return show(role._trust, iam_backends[role.account_id][role.partition])

    def put(role: Any, document: str) -> None:
        role._trust = store(document, iam_backends[role.account_id][role.partition])

    Role.assume_role_policy_document = property(get, put)  # type: ignore[assignment]


def _names(caller: Caller) -> Any:
    def principal(statement: dict[str, Any]) -> bool:
        if "NotPrincipal" in statement:
            raise NotEvaluated("NotPrincipal")
        named = statement.get("Principal")
        if named == "*":
            return True
        if caller.kind == "service":
            return caller.arn in as_list((named or {}).get("Service"))
        return any(
            one in ("*", caller.principal_id, caller.arn, f"arn:aws:iam::{caller.account}:root")
            for one in as_list((named or {}).get("AWS"))
        )

    return principal


def evaluate_trust(role: Role, caller: Caller, context: dict[str, str]) -> Verdict:
    """Whether the trust policy of `role` lets `caller` assume it."""
    allowed = False
    notes = ""
    for statement in statements(role._trust):  # type: ignore[attr-defined]
        applies, note = statement_applies(
            statement, "sts:AssumeRole", None, context, _names(caller)
        )
        notes += note
        if applies and statement.get("Effect") == "Deny":
            return Verdict(False, True, f"explicit deny in the trust policy of {role.arn}{note}")
        allowed = allowed or (applies and statement.get("Effect") == "Allow")
    if allowed:
        return Verdict(True, False, f"trust policy of {role.name}")
    return Verdict(
        False, False, f"the trust policy of {role.arn} does not name {caller.principal_arn}{notes}"
    )
