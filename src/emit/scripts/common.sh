set -euf -o pipefail
export LC_ALL=C

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

usage_error() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

((BASH_VERSINFO[0] >= 4)) || usage_error "bash $BASH_VERSION is too old: version 4 or later is needed (on macOS: brew install bash)"

mode=apply
case ${1-} in
'') ;;
--dry-run) mode=dry-run ;;
-h | --help)
    printf 'usage: BOOTSTRAP_SERVER=host:port %s [--dry-run]\n' "$0"
    exit 0
    ;;
*) usage_error "unknown argument: $1 (usage: BOOTSTRAP_SERVER=host:port $0 [--dry-run])" ;;
esac

: "${BOOTSTRAP_SERVER:?set it to the cluster, such as localhost:9092}"
connection=(--bootstrap-server "$BOOTSTRAP_SERVER")
if [[ -n ${COMMAND_CONFIG-} ]]; then
    [[ -r $COMMAND_CONFIG ]] || usage_error "COMMAND_CONFIG names a file that can't be read: $COMMAND_CONFIG"
    connection+=(--command-config "$COMMAND_CONFIG")
fi

# The tool that a variable names, else the first that exists: kafka-x, kafka-x.sh, $KAFKA_HOME/bin/kafka-x.sh.
find_tool() {
    local variable=$1 name=$2 candidate
    local candidates=("$name" "$name.sh" "${KAFKA_HOME:+$KAFKA_HOME/bin/$name.sh}")
    if [[ -n ${!variable-} ]]; then
        candidates=("${!variable}")
    fi
    for candidate in "${candidates[@]}"; do
        if [[ -n $candidate ]] && command -v -- "$candidate" >/dev/null; then
            REPLY=$candidate
            return
        fi
    done
    if [[ -n ${!variable-} ]]; then
        usage_error "$variable names no command: ${!variable}"
    fi
    usage_error "neither $name nor $name.sh is on PATH: add Kafka's bin folder to it, or set KAFKA_HOME or $variable"
}

# Runs one of Kafka's tools. Java reads its arguments, and prints, by the locale: in "C" a group named größe would be
# another one.
in_utf8() { env LC_ALL=C.UTF-8 "$@"; }

# Shows a command that changes the cluster and, unless this is a dry run, runs it; what it printed is in `output`.
output=''
change() {
    local word shown='+'
    for word in "$@"; do
        if [[ ! $word =~ ^[A-Za-z0-9._/:=@%+,-]+$ ]]; then
            word="'${word//"'"/"'\''"}'"
        fi
        shown+=" $word"
    done
    printf '%s\n' "$shown"
    [[ $mode == apply ]] || return 0
    output=$(in_utf8 "$@" 2>&1)
}

# Ends the script after a command that failed.
give_up() {
    printf '%s\n' "$output" >&2
    fail "$1: the command above failed; what came before it is done, and running this script again goes on from there"
}
