"""Instance metadata, versions 1 and 2, of the node that asks.

A node is known by the address it asks from (nodes.json). Its credentials are sessions of
its own role, made anew before they end. Version 1 stays open, as on most clusters that run
kube2iam. The hop limit of version 2 is not modelled, nor are paths outside those below.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .answers import Answer, Request, json_text, text
from .identity import Directory, Session
from .sts import instance_session_verdict, utc

# EC2's instance credentials live about six hours and are replaced before they end.
LIFETIME = 6 * 3600
REFRESH_BEFORE = 3600
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "x-aws-ec2-metadata-token"


@dataclass(frozen=True)
class Node:
    """A node as nodes.json names it, and what EC2 would know about it."""

    address: str
    name: str
    role: str

    @property
    def instance_id(self) -> str:
        return "i-0" + hashlib.sha256(self.name.encode()).hexdigest()[:16]


class Nodes:
    """nodes.json: {"10.99.0.10": {"name": "master-1", "role": "masters.lab.k8s.local"}}.

    Read again when it changes. A file that cannot be read leaves the former nodes known
    and is reported on stderr.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._nodes: dict[str, Node] = {}

    def at(self, address: str) -> Node | None:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                self._nodes = {
                    at: Node(at, entry["name"], entry["role"])
                    for at, entry in json.loads(self._path.read_text()).items()
                }
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            print(f"{self._path}: not read: {problem!r}", file=sys.stderr, flush=True)
        return self._nodes.get(address)


class Metadata:
    """The service at 169.254.169.254."""

    def __init__(self, directory: Directory, nodes: Nodes) -> None:
        self._directory = directory
        self._nodes = nodes
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def __call__(self, request: Request) -> Answer:
        node = self._nodes.at(request.peer)
        if node is None:
            return text(404, f"no instance has the address {request.peer}\n")
        if request.path == "/latest/api/token":
            return self._token(node, request)
        token = request.headers.get(_TOKEN)
        if token is not None and not self._token_holds(node, token):
            return text(401, "")
        if request.method != "GET":
            return text(405, "")
        return self._get(node, request.path)

    def _token(self, node: Node, request: Request) -> Answer:
        if request.method != "PUT":
            return text(405, "")
        if "x-forwarded-for" in request.headers:
            return text(403, "")
        seconds = request.headers.get(_TTL, "")
        if not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return text(400, "")
        now = time.time()
        token = secrets.token_urlsafe(40)
        with self._lock:
            self._tokens = {k: v for k, v in self._tokens.items() if v[1] > now}
            self._tokens[token] = (node.address, now + int(seconds))
        return text(200, token, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": seconds})

    def _token_holds(self, node: Node, token: str) -> bool:
        address, ends = self._tokens.get(token, ("", 0.0))
        return address == node.address and ends > time.time()

    def _get(self, node: Node, path: str) -> Answer:
        region = self._directory.region
        zone = f"{region}a"
        hostname = f"ip-{node.address.replace('.', '-')}.ec2.internal"
        values = {
            "instance-id": node.instance_id,
            "local-ipv4": node.address,
            "hostname": hostname,
            "local-hostname": hostname,
            "placement/availability-zone": zone,
            "placement/region": region,
        }
        if path == "/latest/dynamic/instance-identity/document":
            document = {
                "accountId": self._directory.account,
                "architecture": "x86_64",
                "availabilityZone": zone,
                "instanceId": node.instance_id,
                "privateIp": node.address,
                "region": region,
                "version": "2017-09-30",
            }
            return json_text(200, json.dumps(document, indent=2))
        prefix = "/latest/meta-data/"
        if not f"{path}/".startswith(prefix):
            return text(404, "")
        name = path[len(prefix) :].rstrip("/")
        if name in values:
            return text(200, values[name])
        if name == "iam/info":
            return self._iam_info(node)
        if name == "iam/security-credentials":
            known = self._directory.role_by_name(node.role) is not None
            return text(200, node.role) if known else text(404, "")
        if name == f"iam/security-credentials/{node.role}":
            return self._credentials(node)
        return self._listing(name, [*values, "iam/info", "iam/security-credentials/"])

    def _listing(self, folder: str, known: list[str]) -> Answer:
        start = f"{folder}/" if folder else ""
        names = [one[len(start) :] for one in known if one.startswith(start)]
        here = sorted({one.split("/")[0] + ("/" if "/" in one else "") for one in names})
        return text(200, "\n".join(here)) if here else text(404, "")

    def _iam_info(self, node: Node) -> Answer:
        role = self._directory.role_by_name(node.role)
        if role is None:
            return text(404, "")
        profile = f"arn:aws:iam::{self._directory.account}:instance-profile/{node.role}"
        return json_text(
            200,
            json.dumps(
                {
                    "Code": "Success",
                    "LastUpdated": utc(time.time()),
                    "InstanceProfileArn": profile,
                    "InstanceProfileId": "AIPA" + role.id[4:],
                },
                indent=2,
            ),
        )

    def _credentials(self, node: Node) -> Answer:
        with self._directory.lock:
            role = self._directory.role_by_name(node.role)
            if role is None:
                return text(404, "")
            verdict = instance_session_verdict(role, self._directory.account)
            if not verdict.allowed:
                refusal = {
                    "Code": "AssumeRoleUnauthorizedAccess",
                    "Message": f"EC2 cannot assume the role {node.role}. See "
                    "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html",
                    "LastUpdated": utc(time.time()),
                }
                return json_text(200, json.dumps(refusal, indent=2))
            session = self._sessions.get(node.address)
            if (
                session is None
                or session.role_id != role.id
                or session.expires - time.time() < REFRESH_BEFORE
            ):
                session = self._directory.issue(role, node.instance_id, LIFETIME, chained=False)
                self._sessions[node.address] = session
        answer = {
            "Code": "Success",
            "LastUpdated": utc(session.issued),
            "Type": "AWS-HMAC",
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret,
            "Token": session.token,
            "Expiration": utc(session.expires),
        }
        return json_text(200, json.dumps(answer, indent=2))
