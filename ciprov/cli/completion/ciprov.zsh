#compdef ciprov
# Completion of ciprov for zsh.
_ciprov() {
    local line
    local -a found
    for line in "${(@f)$(${~words[1]} completion zsh -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            '') ;;
            :files) _files ;;
            :dirs) _files -/ ;;
            *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    (( $#found )) && _describe ciprov found
}
# Loaded by compinit the file is the function; sourced, it says what it is for.
if [[ $funcstack[1] == _ciprov ]]; then _ciprov "$@"; else compdef _ciprov ciprov; fi
