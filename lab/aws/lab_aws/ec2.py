"""EC2: DescribeRegions only, because kube2iam asks for it before its first AssumeRole.

moto's EC2 would do too, but takes longer to load than all the rest together.
"""

from __future__ import annotations

import uuid

from .answers import NAMESPACES, Answer, ApiError, xml
from .identity import Caller, Directory
from .sts import context_of, identity_verdict

# The regions of the commercial partition that every account has.
REGIONS = (
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 "
    "ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 "
    "us-east-2 us-west-1 us-west-2"
).split()


def call(directory: Directory, caller: Caller, parameters: dict[str, str], peer: str) -> Answer:
    action = parameters.get("Action", "")
    if action != "DescribeRegions":
        raise ApiError(400, "InvalidAction", f"The lab's EC2 has no operation {action}.")
    unknown = sorted(set(parameters) - {"Action", "Version"})
    if unknown:
        raise ApiError(400, "InvalidParameter", f"The lab does not know {', '.join(unknown)}.")
    context = context_of(caller, parameters, peer)
    with directory.lock:
        verdict = identity_verdict(directory, caller, "ec2:DescribeRegions", "*", context)
    if not verdict.allowed:
        raise ApiError(
            403,
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. User: {caller.arn} is not "
            "authorized to perform: ec2:DescribeRegions because no identity-based policy allows "
            "the ec2:DescribeRegions action",
        )
    items = "".join(
        f"<item><regionName>{region}</regionName>"
        f"<regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
        "<optInStatus>opt-in-not-required</optInStatus></item>"
        for region in REGIONS
    )
    return xml(
        200,
        f'<DescribeRegionsResponse xmlns="{NAMESPACES["ec2"]}"><requestId>{uuid.uuid4()}'
        f"</requestId><regionInfo>{items}</regionInfo></DescribeRegionsResponse>",
    )
