find_tool KAFKA_TOPICS kafka-topics
kafka_topics=$REPLY
find_tool KAFKA_CONFIGS kafka-configs
kafka_configs=$REPLY
if [[ -n ${REPLICATION_FACTOR-} && ! $REPLICATION_FACTOR =~ ^[1-9][0-9]{0,4}$ ]]; then
    usage_error "REPLICATION_FACTOR is not a number of brokers: $REPLICATION_FACTOR"
fi

names=()
declare -A want_partitions=() want_replication=() want_key=() want_configs=()
declare -A now_partitions=() now_replication=() now_configs=()
created=0 raised=0 configured=0 kept=0

# Declares a topic: its name, partitions, replication, the key whose order matters (or nothing), and its configuration.
want() {
    local name=$1
    [[ $name =~ ^[A-Za-z0-9._-]{1,249}$ ]] || usage_error "not a name that Kafka allows for a topic: $name"
    names+=("$name")
    want_partitions[$name]=$2
    want_replication[$name]=${REPLICATION_FACTOR:-$3}
    want_key[$name]=$4
    shift 4
    want_configs[$name]=$*
}

# A topic's name as a regular expression; a dot is the only sign in it that means something else there.
as_regex() {
    local dot='\.'
    REPLY=${1//./"$dot"}
}

# The text between a label and the next tab of `line`.
field() {
    REPLY=''
    if [[ $line == *"$1: "* ]]; then
        REPLY=${line#*"$1: "}
        REPLY=${REPLY%%$'\t'*}
        REPLY=${REPLY%% }
    fi
}

# Reads how the topics of one regular expression are now.
describe() {
    local described line name
    described=$(in_utf8 "$kafka_topics" "${connection[@]}" --describe --if-exists --topic "^($1)\$") || {
        printf '%s\n' "$described" >&2
        fail "the topics at $BOOTSTRAP_SERVER can't be read; nothing was changed"
    }
    while IFS= read -r line; do
        [[ $line == 'Topic: '* ]] || continue
        field Topic
        name=$REPLY
        field PartitionCount
        [[ $REPLY =~ ^[0-9]+$ ]] || fail "$kafka_topics printed a line that this script can't read: $line"
        now_partitions[$name]=$REPLY
        field ReplicationFactor
        now_replication[$name]=$REPLY
        field Configs
        now_configs[$name]=$REPLY
    done < <(printf '%s\n' "$described")
}

# Reads how topics are now: one call for all of them, or one for every 60 kB of names, which an argument can hold.
observe() {
    local name pattern=''
    for name in "$@"; do
        as_regex "$name"
        pattern+="|$REPLY"
        if ((${#pattern} > 60000)); then
            describe "${pattern:1}"
            pattern=''
        fi
    done
    if [[ -n $pattern ]]; then
        describe "${pattern:1}"
    fi
}

# A topic's value of a configuration key now. The tool joins pairs by commas, which a cleanup policy may hold as well:
# a piece without `=` belongs to the one before it.
config_now() {
    local name=$1 key=$2 all rest piece
    all=",${now_configs[$name]-}"
    rest=${all#*",$key="}
    REPLY=''
    [[ $rest != "$all" ]] || return 0
    REPLY=${rest%%,*}
    while [[ $rest == *,* ]]; do
        rest=${rest#*,}
        piece=${rest%%,*}
        [[ $piece != *=* ]] || break
        REPLY+=",$piece"
    done
    [[ $REPLY != 'delete,compact' ]] || REPLY='compact,delete'
}

# The pairs of a topic's configuration that differ, as kafka-configs takes them.
differing() {
    local name=$1 pair pairs=''
    for pair in ${want_configs[$name]}; do
        config_now "$name" "${pair%%=*}"
        [[ $REPLY != "${pair#*=}" ]] || continue
        case $pair in
        *,*) pairs+=",${pair%%=*}=[${pair#*=}]" ;;
        *) pairs+=",$pair" ;;
        esac
    done
    REPLY=${pairs:1}
}

# The share of keys whose partition changes between two counts, in per cent: 1 - min / lcm.
moved_share() {
    local a=$1 b=$2 rest least multiple tenths
    while ((b > 0)); do
        rest=$((a % b))
        a=$b
        b=$rest
    done
    multiple=$(($1 * $2 / a))
    least=$(($1 < $2 ? $1 : $2))
    tenths=$((((multiple - least) * 1000 + multiple / 2) / multiple))
    REPLY="$((tenths / 10)).$((tenths % 10)) %"
}

# Whether a topic would have to lose partitions, which Kafka can't do.
would_shrink() {
    local now=${now_partitions[$1]:-0} wanted=${want_partitions[$1]}
    ((now > wanted)) || return 1
    printf 'error: %s has %s partitions and %s are declared: Kafka can not take partitions away; declare %s, or move to a new topic\n' \
        "$1" "$now" "$wanted" "$now" >&2
}

# Says what a person should know before a topic is touched.
warn() {
    local name=$1 now=${now_partitions[$1]-} wanted=${want_partitions[$1]}
    [[ -n $now ]] || return 0
    if ((now < wanted)) && [[ -n ${want_key[$name]} ]]; then
        moved_share "$now" "$wanted"
        printf 'warning: %s: from %s to %s partitions, %s of keys (%s) move; records of a moved key that are still in flight can be processed out of order\n' \
            "$name" "$now" "$wanted" "$REPLY" "${want_key[$name]}" >&2
    fi
    if [[ -n ${now_replication[$name]} && ${now_replication[$name]} != "${want_replication[$name]}" ]]; then
        printf 'warning: %s: replication is %s and %s is declared; only kafka-reassign-partitions can change it\n' \
            "$name" "${now_replication[$name]}" "${want_replication[$name]}" >&2
    fi
}

# Brings one topic from what it is to what is declared. Where somebody else was quicker, looks again, once.
settle() {
    local name=$1 attempt=$2 now=${now_partitions[$1]-} wanted=${want_partitions[$1]} pair pairs touched=no
    if [[ -z $now ]]; then
        local configs=()
        for pair in ${want_configs[$name]}; do
            configs+=(--config "$pair")
        done
        if change "$kafka_topics" "${connection[@]}" --create --topic "$name" --partitions "$wanted" \
            --replication-factor "${want_replication[$name]}" "${configs[@]}"; then
            created=$((created + 1))
        elif [[ $attempt == first && $output == *'already exists'* ]]; then
            look_again "$name"
        else
            give_up "$name"
        fi
        return
    fi
    if ((now < wanted)); then
        as_regex "$name"
        if change "$kafka_topics" "${connection[@]}" --alter --topic "^$REPLY\$" --partitions "$wanted"; then
            raised=$((raised + 1))
            touched=yes
        elif [[ $attempt == first && ($output == *'already has'* || $output == *'would not be an increase'*) ]]; then
            look_again "$name"
            return
        elif [[ $output != *"already has $wanted partition(s)"* ]]; then
            # A broker that has not heard of the race yet still told us the old number when we looked again.
            give_up "$name"
        fi
    fi
    differing "$name"
    pairs=$REPLY
    if [[ -n $pairs ]]; then
        change "$kafka_configs" "${connection[@]}" --alter --entity-type topics --entity-name "$name" \
            --add-config "$pairs" || give_up "$name"
        configured=$((configured + 1))
        touched=yes
    fi
    if [[ $touched == no ]]; then
        kept=$((kept + 1))
    fi
}

# After a race: what the topic is now decides.
look_again() {
    printf 'note: %s changed meanwhile; looking again\n' "$1"
    observe "$1"
    if would_shrink "$1"; then
        fail "$1: somebody else raised it past what is declared"
    fi
    settle "$1" again
}

main() {
    local name refused=0
    observe "${names[@]}"
    for name in "${names[@]}"; do
        if would_shrink "$name"; then
            refused=$((refused + 1))
        fi
    done
    ((refused == 0)) || fail "$refused of ${#names[@]} topics would have to lose partitions; nothing was changed"
    for name in "${names[@]}"; do
        warn "$name"
    done
    for name in "${names[@]}"; do
        settle "$name" first
    done
    if [[ $mode == apply ]]; then
        printf 'topics: %s declared, %s created, %s raised, %s configured, %s as declared\n' \
            "${#names[@]}" "$created" "$raised" "$configured" "$kept"
    else
        printf 'topics: %s declared, %s to create, %s to raise, %s to configure, %s as declared; nothing was changed (--dry-run)\n' \
            "${#names[@]}" "$created" "$raised" "$configured" "$kept"
    fi
}
