#!/usr/bin/env bash
# The kubeconfig of the job's secret, for this job alone: GitHub empties RUNNER_TEMP after it. Without
# that secret, what the runner has of its own counts.
set -euo pipefail
if [ -z "${KUBECONFIG_TEXT:-}" ]; then exit 0; fi
umask 077
file=$RUNNER_TEMP/kubeconfig
printf '%s\n' "$KUBECONFIG_TEXT" >"$file"
echo "KUBECONFIG=$file" >>"$GITHUB_ENV"
