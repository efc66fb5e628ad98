"""The AWS of the lab: one process, one account.

    server.py --plain 10.99.0.254:4566 \\
              --tls 10.99.0.254:443 --tls-cert aws.crt --tls-key aws.key \\
              --metadata 169.254.169.254:80 --nodes nodes.json \\
              --admin-file admin.json --decisions decisions.jsonl

Every listener is optional; a port of 0 takes a free one. When all listen, one line of JSON
with their addresses goes to stdout ({"plain": "127.0.0.1:34567", …}). SIGTERM and SIGINT
end the process with status 0. Nothing is kept: the account is empty at every start, but
for the user `admin`, whose key is written to --admin-file
({"accessKeyId": …, "secretAccessKey": …}, readable by its owner only), and the user
`operator`, whose key is written to --operator-file and who may what --operator-policies says
({name of the policy: document}).

Signatures, identity policies, trust policies and the ends of sessions are checked; see
lab_aws/ for how, and for what is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from lab_aws import trust
from lab_aws.api import Api
from lab_aws.control import Control, Faults
from lab_aws.identity import Directory
from lab_aws.journal import Journal
from lab_aws.listener import Application, Listener
from lab_aws.metadata import Metadata, Nodes

ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port")
    return host, int(port)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plain", type=address, help="IAM, STS and EC2 over http; GET /ready")
    parser.add_argument("--tls", type=address, help="the same over https")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM)")
    parser.add_argument("--tls-key", type=Path, help="its key (PEM)")
    parser.add_argument("--metadata", type=address, help="instance metadata over http")
    parser.add_argument("--nodes", type=Path, help="nodes.json: address to name and role")
    parser.add_argument("--control", type=address, help="faults on demand, see lab_aws/control.py")
    parser.add_argument("--admin-file", type=Path, help="where the admin's key is written")
    parser.add_argument("--operator-file", type=Path, help="where the operator's key is written")
    parser.add_argument("--operator-policies", type=json.loads, default={}, help="as JSON")
    parser.add_argument("--decisions", type=Path, help="journal of AssumeRole decisions (JSONL)")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--region", default="us-east-1")
    given = parser.parse_args()
    if given.tls and not (given.tls_cert and given.tls_key):
        parser.error("--tls needs --tls-cert and --tls-key")
    if given.metadata and not given.nodes:
        parser.error("--metadata needs --nodes")
    return given


def create_user(directory: Directory, name: str, policies: dict[str, object], path: Path) -> None:
    directory.iam.create_user(directory.region, name)
    for policy, document in policies.items():
        directory.iam.put_user_policy(name, policy, json.dumps(document))
    key = directory.iam.create_access_key(name)
    content = {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key}
    # Complete under its name or not there: a process that waits for the file may read it at once.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
    draft.rename(path)


def main() -> int:
    given = arguments()
    trust.install()
    directory = Directory(given.account, given.region)
    faults = Faults()
    api = Api(directory, Journal(given.decisions), faults)
    wanted: dict[str, Application] = {
        "plain": api,
        "tls": api,
        "control": Control(directory, faults),
    }
    if given.metadata:
        wanted["metadata"] = Metadata(directory, Nodes(given.nodes))
    certificate = (given.tls_cert, given.tls_key) if given.tls else None
    listeners = {
        name: Listener(
            getattr(given, name), application, certificate if name == "tls" else None
        )
        for name, application in wanted.items()
        if getattr(given, name)
    }
    if not listeners:
        print("nothing to listen on: give --plain, --tls or --metadata", file=sys.stderr)
        return 2
    if given.admin_file:
        create_user(directory, "admin", {"administrator": ADMINISTRATOR}, given.admin_file)
    if given.operator_file:
        create_user(directory, "operator", given.operator_policies, given.operator_file)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for listener in listeners.values():
        listener.start()
    where = {name: "%s:%d" % one.server_address[:2] for name, one in listeners.items()}
    print(json.dumps(where), flush=True)
    stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
