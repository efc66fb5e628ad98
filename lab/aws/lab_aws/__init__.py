"""The lab's AWS: IAM, STS, a little EC2 and instance metadata for one account.

moto keeps users, roles and policies and speaks the IAM protocol. What moto does not
do lives in the modules beside this one: checking signatures and permissions, trust
policies that follow the principal and not its name, sessions that expire, and the
metadata of each node. Each module says what it leaves out. Changes apply at once; AWS
takes seconds to spread them.
"""

import os

# moto adds browser headers to every answer unless told not to, before it is imported.
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
