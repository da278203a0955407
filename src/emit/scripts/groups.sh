find_tool KAFKA_CONFIGS kafka-configs
kafka_configs=$REPLY

names=()
declare -A want_configs=() now_configs=()
configured=0 kept=0

# Declares a group: its name and its configuration.
want() {
    local name=$1
    names+=("$name")
    shift
    want_configs["=$name"]=$*
}

# Reads every group's configuration, in one call.
observe() {
    local described line name=''
    described=$(in_utf8 "$kafka_configs" "${connection[@]}" --describe --entity-type groups) || {
        printf '%s\n' "$described" >&2
        fail "the groups at $BOOTSTRAP_SERVER can't be read (brokers before 4.0 have no group configuration); nothing was changed"
    }
    while IFS= read -r line; do
        case $line in
        'Dynamic configs for group '*' are:')
            name=${line#'Dynamic configs for group '}
            name=${name%' are:'}
            ;;
        '  '*=*)
            line=${line#'  '}
            now_configs["=$name"]+=" ${line%% *} "
            ;;
        esac
    done < <(printf '%s\n' "$described")
}

# The pairs of a group's configuration that differ.
differing() {
    local pair pairs=''
    for pair in ${want_configs["=$1"]}; do
        [[ ${now_configs["=$1"]-} == *" $pair "* ]] || pairs+=",$pair"
    done
    REPLY=${pairs:1}
}

main() {
    local name pairs
    observe
    for name in "${names[@]}"; do
        differing "$name"
        pairs=$REPLY
        if [[ -z $pairs ]]; then
            kept=$((kept + 1))
            continue
        fi
        change "$kafka_configs" "${connection[@]}" --alter --entity-type groups --entity-name "$name" \
            --add-config "$pairs" || give_up "$name"
        configured=$((configured + 1))
    done
    if [[ $mode == apply ]]; then
        printf 'groups: %s declared, %s configured, %s as declared\n' "${#names[@]}" "$configured" "$kept"
    else
        printf 'groups: %s declared, %s to configure, %s as declared; nothing was changed (--dry-run)\n' \
            "${#names[@]}" "$configured" "$kept"
    fi
}
