# Completion of goes for bash: commands and options, from what --help says.

_goes_options()
{
    "$@" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u
}

_goes_commands()
{
    "$1" --help 2>/dev/null | sed -n '/^Commands:/,/^Each/s/^  \([a-z]*\) .*/\1/p'
}

_goes()
{
    local word=${COMP_WORDS[COMP_CWORD]}
    local command= at
    local choices

    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            # these take the next word
            -u | -d | -t | --url | --database | --table | --connect-timeout | --timeout) ((at++)) ;;
            -* | =) ;;
            *) command=${COMP_WORDS[at]} && break ;;
        esac
    done
    if [[ $word == -* ]]; then
        choices=$(_goes_options "${COMP_WORDS[0]}" $command)
    elif [[ -z $command ]]; then
        choices=$(_goes_commands "${COMP_WORDS[0]}")
    elif [[ $command == subscriptions && $at -eq $((COMP_CWORD - 1)) ]]; then
        choices="lag parked unpark skip rewind"
    elif [[ $command == import ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
        return
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
}

complete -F _goes goes
