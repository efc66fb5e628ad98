#!/bin/sh
# Runs in a probe pod: asks for this pod's role as an AWS SDK does, until enough consecutive
# answers are right, one is wrong, or time is up. Asks before the first and after the last of these
# who is there, since credentials do not tell who gave them. Each request is a fresh connection.
#
#   probe.sh BASE-URL SUCCESSES SECONDS ROLE...
#
# ROLE: every name under which the right role may be answered. The verdict goes as one JSON object
# to the termination message; credentials are looked at and never stored or printed.
# Needs: a POSIX shell and busybox's or GNU's wget. Exit 0: the credentials are right and it is
# clear who gave them; 1: anything else.

base=$1
list=$1/latest/meta-data/iam/security-credentials/
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
    printf '{"verdict":"%s","role":"%s","code":"%s","expiration":"%s","error":"%s","attempts":%d,"failures":%d,"milliseconds":%d,"before":%s,"after":%s}\n' \
        "$1" "$(plain "$role")" "$(plain "$code" 60)" "$(plain "$expiration" 60)" \
        "$(plain "$error" 600)" "$attempts" "$failures" "$(($(now) - began))" \
        "$before" "$after" >"$message"
}

# Not wget's own -T: that of Debian's busybox-static 1.35 crashes. Before busybox 1.30 (kiam's
# images up to v3.0, say) the seconds come with -t.
limit=''
if timeout 5 true 2>/dev/null; then
    limit='timeout 5'
elif timeout -t 5 true 2>/dev/null; then
    limit='timeout -t 5'
fi

# With -q GNU's wget does not say what went wrong; busybox's knows no -nv, and not always -S.
wget='wget -q'
if wget --version 2>/dev/null | grep -q '^GNU'; then wget='wget -nv -S'; fi

# Prints the answer and + if it came whole, and on descriptor 3 what wget said. Descriptor 3 is
# closed for the command: busybox's timeout leaves a process behind for a second, which would hold it.
fetch() { # URL
    # shellcheck disable=SC2086 # several words, or none
    $limit $wget -O - "$1" 2>&3 3>&-
    case $? in
    0) printf + ;;
    # timeout reports 143 (busybox) or 124 (coreutils).
    124 | 143) echo 'timed out after 5 s' >&3 ;;
    esac
}

# Prints the answer; on failure what wget said of it, and fails. It is not known who answers, so
# that 64 KiB are read and no more.
get() { # URL
    said=$(
        { answer=$(fetch "$1" | head -c 65536); } 3>&1
        printf '\n=%s' "$answer"
    )
    case $said in
    *+)
        said=${said#*"$newline="}
        printf '%s' "${said%+}"
        ;;
    *)
        said=${said%%"$newline="*}
        printf '%s' "${said:-no whole answer of at most 64 KiB}"
        return 1
        ;;
    esac
}
newline='
'

# Sets role, code, expiration, error. 0: right, 1: no usable answer, 2: somebody else's role.
ask() {
    code='' expiration='' answer=''
    if ! role=$(get "$list"); then
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
    if ! answer=$(get "$list$role"); then
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

# Asks PATH and sets said, and status: of HTTP, empty where none came.
look() { # PATH
    if said=$(get "$base$1"); then
        status=200
    else
        status=$(printf '%s' "$said" | sed -n 's/.*HTTP\/[0-9.]* \([1-5][0-9][0-9]\).*/\1/p' | tail -n 1)
    fi
}

# Sets who answers, by what only one of them says, and seen: the same as JSON, with the answers.
# kiam's agent says pong to /ping, in every version. kube2iam, since 0.6.0, says JSON to /healthz,
# or 500 where it is not healthy. What either does not know it may pass on to EC2, which knows
# neither path and, where it requires tokens, may say 401 to both.
identify() {
    kiam='' kube2iam=''
    look /ping
    ping=$said pinged=$status
    case $pinged:$ping in 200:pong) kiam=yes ;; esac
    look /healthz
    case $status:$said in 500:* | 200:'{'*'"hostIP"'*'"instanceId"'*) kube2iam=yes ;; esac
    case $kiam:$kube2iam in
    yes:) who=kiam ;;
    :yes) who=kube2iam ;;
    *) who=unclear ;;
    esac
    case $pinged:$status in
    :* | *:) who=unclear ;; # one of them was not answered
    40[134]:40[134]) who=nobody ;;
    esac
    seen=$(printf '{"who":"%s","ping":"%s","healthz":"%s"}' \
        "$who" "$(plain "$ping" 160)" "$(plain "$said" 160)")
}

main() {
    began=$(now)
    until=$((began + seconds * 1000))
    attempts=0
    failures=0
    streak=0
    who=''
    before=null
    after=null
    while [ "$streak" -lt "$successes" ]; do
        attempts=$((attempts + 1))
        if [ "$streak" = 0 ]; then
            identify
            before=$seen
        fi
        ask "$@"
        case $?:$who in
        0:unclear) outcome=unclear ;;
        0:*)
            streak=$((streak + 1))
            continue
            ;;
        2:*)
            verdict wrong
            return 1
            ;;
        *) outcome=failed ;;
        esac
        # What was asked of whom before it failed says nothing of what is there now.
        streak=0
        failures=$((failures + 1))
        if [ "$(now)" -ge "$until" ]; then
            verdict "$outcome"
            return 1
        fi
        sleep 1
    done
    while identify && [ "$who" = unclear ] && [ "$(now)" -lt "$until" ]; do sleep 1; done
    after=$seen
    if [ "$who" = unclear ]; then
        verdict unclear
        return 1
    fi
    verdict right
}

main "$@"
