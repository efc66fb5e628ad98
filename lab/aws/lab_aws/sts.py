"""STS: AssumeRole and GetCallerIdentity.

AssumeRole needs both halves: an identity policy of the caller that allows sts:AssumeRole on
the role, and the role's trust policy naming the caller. Within one account AWS is content
with a trust policy that names the caller's role by its ARN; the lab asks for both halves, as
AWS does across accounts, so that either half left out shows. Session policies, session tags
and MFA are refused and not ignored. Other STS operations do not exist here.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from .answers import Answer, ApiError, result
from .identity import Caller, Directory
from .journal import Journal
from .policy import Verdict, evaluate
from .trust import evaluate_trust

CHAINED_LIMIT = 3600
SHORTEST = 900
_PARAMETERS = {"Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId"}
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def caller_identity(caller: Caller) -> Answer:
    return result(
        "sts",
        "GetCallerIdentity",
        f"<Arn>{caller.arn}</Arn><UserId>{caller.user_id}</UserId>"
        f"<Account>{caller.account}</Account>",
    )


def context_of(caller: Caller, parameters: dict[str, str], peer: str) -> dict[str, str]:
    """The condition keys of a request, lower case."""
    context = {
        "aws:principalarn": caller.principal_arn,
        "aws:principalaccount": caller.account,
        "aws:userid": caller.user_id,
        "aws:sourceip": peer,
    }
    if caller.kind == "user":
        context["aws:username"] = caller.principal_arn.rsplit("/", 1)[-1]
    if "ExternalId" in parameters:
        context["sts:externalid"] = parameters["ExternalId"]
    if "RoleSessionName" in parameters:
        context["sts:rolesessionname"] = parameters["RoleSessionName"]
    return context


def identity_verdict(
    directory: Directory, caller: Caller, action: str, resource: str, context: dict[str, str]
) -> Verdict:
    """The caller's identity policies, and its permissions boundary where it has one."""
    verdict = evaluate(directory.policies(caller), action, resource, context)
    boundary = directory.boundary(caller)
    if verdict.allowed and boundary is not None:
        limit = evaluate(boundary, action, resource, context)
        if not limit.allowed:
            return Verdict(False, limit.denied, f"permissions boundary: {limit.why}")
    return verdict


def denial(caller: Caller, action: str, resource: str, explicit: str = "") -> ApiError:
    """AWS's wording; `explicit` names the policy type an explicit deny was found in."""
    ending = f" with an explicit deny in {explicit}" if explicit else ""
    return ApiError(
        403,
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: {action} "
        f"on resource: {resource}{ending}",
    )


def _invalid(message: str) -> ApiError:
    return ApiError(400, "ValidationError", message)


def _checked(parameters: dict[str, str]) -> tuple[str, str, int]:
    unknown = sorted(set(parameters) - _PARAMETERS)
    if unknown:
        raise _invalid(f"The lab's STS does not evaluate {', '.join(unknown)} and refuses it.")
    arn = parameters.get("RoleArn", "")
    name = parameters.get("RoleSessionName", "")
    seconds = parameters.get("DurationSeconds", "3600")
    if not _ROLE_ARN.fullmatch(arn):
        raise _invalid(f"{arn} is invalid")
    if not _SESSION_NAME.fullmatch(name):
        raise _invalid(
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]* and have "
            "length between 2 and 64"
        )
    if not seconds.isdigit() or int(seconds) < SHORTEST:
        raise _invalid(
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to "
            f"satisfy constraint: Member must have value greater than or equal to {SHORTEST}"
        )
    return arn, name, int(seconds)


def assume_role(
    directory: Directory, journal: Journal, caller: Caller, parameters: dict[str, str], peer: str
) -> Answer:
    """Credentials for a session of the role, or the refusal that AWS would give."""
    arn, name, seconds = _checked(parameters)

    def note(decision: str, why: str) -> None:
        journal.write(caller=caller.arn, role=arn, session=name, decision=decision, why=why)

    with directory.lock:
        context = context_of(caller, parameters, peer)
        identity = identity_verdict(directory, caller, "sts:AssumeRole", arn, context)
        if not identity.allowed:
            note("denied", identity.why)
            where = "an identity-based policy" if identity.denied else ""
            raise denial(caller, "sts:AssumeRole", arn, where)
        role = directory.role_by_arn(arn)
        if role is None:
            # As AWS: who may not know whether a role exists is told the same as one who may.
            note("denied", f"there is no role {arn}")
            raise denial(caller, "sts:AssumeRole", arn)
        trust = evaluate_trust(role, caller, context)
        if not trust.allowed:
            note("denied", trust.why)
            raise denial(
                caller, "sts:AssumeRole", arn, "the role trust policy" if trust.denied else ""
            )
        # A session of a session is chained; one that EC2 gave to an instance is not.
        if caller.chained and seconds > CHAINED_LIMIT:
            note("refused", f"{seconds} s asked for, role chaining ends at {CHAINED_LIMIT} s")
            raise _invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                "assumed by role chaining."
            )
        if seconds > int(role.max_session_duration or 3600):
            note("refused", f"{seconds} s asked for, the role allows {role.max_session_duration} s")
            raise _invalid(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        session = directory.issue(role, name, seconds, chained=caller.kind == "role")
        session_arn = directory.session_arn(role, name)
        role_id = role.id
    note("allowed", f"{identity.why}, {trust.why}")
    return result(
        "sts",
        "AssumeRole",
        f"<AssumedRoleUser><AssumedRoleId>{role_id}:{name}</AssumedRoleId>"
        f"<Arn>{session_arn}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{session.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{session.secret}</SecretAccessKey>"
        f"<SessionToken>{session.token}</SessionToken>"
        f"<Expiration>{utc(session.expires)}</Expiration></Credentials>",
    )


def instance_session_verdict(role: object, account: str) -> Verdict:
    """Whether the trust policy lets EC2 hand the role to an instance."""
    ec2 = Caller("service", "ec2.amazonaws.com", "", "", "ec2.amazonaws.com", account)
    return evaluate_trust(role, ec2, {"aws:sourceip": ""})  # type: ignore[arg-type]

