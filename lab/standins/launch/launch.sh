#!/bin/sh
# Starts a stand-in for a program that the engine runs:
#   launch.sh <its directory below lab/standins> [arguments from the engine]
# The working directory is the program's, so everything is found relative to this file. PATH is left
# alone: commands that the stand-in runs must see what they would see under the official one.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
standin=$1
shift
root=$(CDPATH='' cd -- "$here/../../.." && pwd -P)
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
exec "$node" --require "$root/node_modules/tsx/dist/cjs/index.cjs" "$here/start.ts" "$standin" "$@"
