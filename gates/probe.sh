#!/bin/sh
# Runs in a probe pod: asks for this pod's role as an AWS SDK does, until enough consecutive
# answers are right, one is wrong, or time is up. Each request is a fresh connection.
#
#   probe.sh BASE-URL SUCCESSES SECONDS ROLE...
#
# ROLE: every name under which the right role may be answered. The verdict goes as one JSON object
# to the termination message; credentials are looked at and never stored or printed.
# Needs: a POSIX shell and busybox's or GNU's wget. Exit 0: right, 1: wrong or no answer.

base=$1/latest/meta-data/iam/security-credentials/
successes=$2
seconds=$3
shift 3
message=${TERMINATION_LOG:-/dev/termination-log}

now() { # milliseconds since boot; busybox's date knows no fractions
    read -r uptime rest </proc/uptime
    fraction=${uptime#*.}
    echo "${uptime%.*}${fraction%"${fraction#??}"}0"
}

plain() { # makes text safe to stand in a JSON string
    printf '%s' "$1" | tr -c ' !#-[]-~' ' ' | cut -c1-"${2:-300}"
}

member() { # the string value of a member of the JSON object in $answer
    printf '%s' "$answer" | tr -d '\n' |
        sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p'
}

verdict() { # VERDICT
    printf '{"verdict":"%s","role":"%s","code":"%s","expiration":"%s","error":"%s","attempts":%d,"failures":%d,"milliseconds":%d}\n' \
        "$1" "$(plain "$role")" "$(plain "$code" 60)" "$(plain "$expiration" 60)" \
        "$(plain "$error" 600)" "$attempts" "$failures" "$(($(now) - began))" >"$message"
}

# Not wget's own -T: that of Debian's busybox-static 1.35 crashes.
limit=''
if timeout 5 true 2>/dev/null; then limit='timeout 5'; fi

get() { # URL; on failure what wget said, on standard output as well
    # shellcheck disable=SC2086 # two words or none
    $limit wget -q -O - "$1" 2>&1 && return 0
    status=$?
    # timeout reports 143 (busybox) or 124 (coreutils).
    case $status in 124 | 143) echo 'timed out after 5 s' ;; esac
    return $status
}

# Sets role, code, expiration, error. 0: right, 1: no usable answer, 2: somebody else's role.
ask() {
    code='' expiration='' answer=''
    if ! role=$(get "$base"); then
        error="listing the role: $role"
        role=''
        return 1
    fi
    if [ -z "$role" ]; then
        error='listing the role: an empty answer'
        return 1
    fi
    known=1
    for expected in "$@"; do
        if [ "$role" = "$expected" ]; then known=0; fi
    done
    if [ "$known" = 1 ]; then
        error='another role than the one this pod is annotated with'
        return 2
    fi
    if ! answer=$(get "$base$role"); then
        error="fetching credentials: $answer"
        answer=''
        return 1
    fi
    code=$(member Code)
    expiration=$(member Expiration)
    if [ "$code" != Success ] || [ -z "$expiration" ]; then
        error="fetching credentials: not a success: $(member Message)"
        return 1
    fi
    error=''
    return 0
}

main() {
    began=$(now)
    until=$((began + seconds * 1000))
    attempts=0
    failures=0
    streak=0
    last=''
    while :; do
        attempts=$((attempts + 1))
        ask "$@"
        case $? in
        0)
            streak=$((streak + 1))
            if [ "$streak" -ge "$successes" ]; then
                verdict right
                return 0
            fi
            ;;
        2)
            verdict wrong
            return 1
            ;;
        *)
            streak=0
            failures=$((failures + 1))
            last=$error
            if [ "$(now)" -ge "$until" ]; then
                error=$last
                verdict failed
                return 1
            fi
            sleep 1
            ;;
        esac
    done
}

main "$@"
