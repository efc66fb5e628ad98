"""Who is calling: access keys of users, sessions of roles, and what they may do.

Users, roles, policies and keys are moto's; sessions are made by moto's STS and kept here
by access key, with their real end.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from moto.iam.models import Role, iam_backends
from moto.sts.models import sts_backends

from .answers import ApiError

# Expired sessions are remembered for this long (seconds), so that they are answered
# with ExpiredToken; after that they are as unknown as any other key.
REMEMBER_EXPIRED = 3600


@dataclass(frozen=True)
class Caller:
    """The principal behind a request.

    `arn` is what GetCallerIdentity answers (for a session without the role's path);
    `principal_arn` is the role or user behind it, `principal_id` its unique id.
    """

    kind: Literal["user", "role", "service"]
    arn: str
    user_id: str
    principal_id: str
    principal_arn: str
    account: str
    chained: bool = False


@dataclass
class Session:
    """Temporary credentials of a role; times are seconds since the epoch."""

    access_key_id: str
    secret: str
    token: str
    role_id: str
    name: str
    issued: float
    expires: float
    chained: bool


class Directory:
    """The account's principals. Hold `lock` around everything that touches moto."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.lock = threading.RLock()
        self.iam = iam_backends[account]["aws"]
        self.sts = sts_backends[account]["aws"]
        self._sessions: dict[str, Session] = {}
        self._pruned = time.time()

    def role_by_arn(self, arn: str) -> Role | None:
        return next((role for role in self.iam.get_roles() if role.arn == arn), None)

    def role_by_name(self, name: str) -> Role | None:
        return next((role for role in self.iam.get_roles() if role.name == name), None)

    def issue(self, role: Role, name: str, seconds: int, chained: bool) -> Session:
        """New credentials for a session of `role`; `chained` counts for STS's one-hour cap."""
        with self.lock:
            self._prune()
            made = self.sts.assume_role(
                region_name=self.region,
                role_session_name=name,
                role_arn=role.arn,
                policy="",
                duration=seconds,
                external_id="",
            )
            now = time.time()
            session = Session(
                access_key_id=made.access_key_id,
                secret=made.secret_access_key,
                token=made.session_token,
                role_id=role.id,
                name=name,
                issued=now,
                expires=now + seconds,
                chained=chained,
            )
            self._sessions[session.access_key_id] = session
            return session

    def expire(self, role_name: str) -> int:
        """End the sessions of a role now; how many were ended."""
        with self.lock:
            role = self.role_by_name(role_name)
            now = time.time()
            ended = [
                one
                for one in self._sessions.values()
                if role is not None and one.role_id == role.id and one.expires > now
            ]
            for one in ended:
                one.expires = now
            return len(ended)

    def _prune(self) -> None:
        now = time.time()
        if now - self._pruned < 60:
            return
        self._pruned = now
        gone = [k for k, s in self._sessions.items() if s.expires + REMEMBER_EXPIRED < now]
        for key in gone:
            del self._sessions[key]
            self.iam.access_keys.pop(key, None)
        if gone:
            dropped = set(gone)
            self.sts.assumed_roles[:] = [
                one for one in self.sts.assumed_roles if one.access_key_id not in dropped
            ]

    def authenticate(self, access_key_id: str, token: str | None) -> tuple[Caller, str]:
        """The caller behind an access key, and the key's secret.

        Raises InvalidClientTokenId for a key, token or role that does not exist (any more)
        and ExpiredToken for a session that has ended.
        """
        with self.lock:
            session = self._sessions.get(access_key_id)
            if session is not None:
                role = self.iam.get_role_by_id(session.role_id)
                if role is not None and token == session.token:
                    if session.expires <= time.time():
                        raise ApiError(
                            403,
                            "ExpiredToken",
                            "The security token included in the request is expired",
                        )
                    return self._session_caller(role, session), session.secret
            user = None if token else self.iam.get_user_from_access_key_id(access_key_id)
            if user is not None:
                key = user.get_access_key_by_id(access_key_id)
                if key.status == "Active":
                    caller = Caller("user", user.arn, user.id, user.id, user.arn, self.account)
                    return caller, key.secret_access_key
        raise ApiError(
            403, "InvalidClientTokenId", "The security token included in the request is invalid."
        )

    def _session_caller(self, role: Role, session: Session) -> Caller:
        return Caller(
            kind="role",
            arn=self.session_arn(role, session.name),
            user_id=f"{role.id}:{session.name}",
            principal_id=role.id,
            principal_arn=role.arn,
            account=self.account,
            chained=session.chained,
        )

    def session_arn(self, role: Role, session_name: str) -> str:
        """AWS leaves the role's path out of a session's ARN."""
        return f"arn:aws:sts::{self.account}:assumed-role/{role.name}/{session_name}"

    def policies(self, caller: Caller) -> list[tuple[str, str]]:
        """The caller's identity policies: inline, attached, and its groups'."""
        if caller.kind == "role":
            role = self.iam.get_role_by_id(caller.principal_id)
            owners = [role] if role else []
        else:
            user = next(u for u in self.iam.users.values() if u.id == caller.principal_id)
            owners = [user, *self.iam.get_groups_for_user(user.name)]
        found = []
        for owner in owners:
            found += [(name, document) for name, document in owner.policies.items()]
            found += [
                (managed.name, next(v.document for v in managed.versions if v.is_default))
                for managed in owner.managed_policies.values()
            ]
        return found

    def boundary(self, caller: Caller) -> list[tuple[str, str]] | None:
        """The role's permissions boundary, when it has one."""
        role = self.iam.get_role_by_id(caller.principal_id) if caller.kind == "role" else None
        if role is None or not role.permissions_boundary_arn:
            return None
        managed = self.iam.get_policy(role.permissions_boundary_arn)
        return [(managed.name, next(v.document for v in managed.versions if v.is_default))]
