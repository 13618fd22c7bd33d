# Completion of cc-session-recover in bash: source <(cc-session-recover completion bash)

_cc_session_recover() {
  local current=${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :dirs | :files)
        local action=file
        [ "$line" = :dirs ] && action=directory
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -A "$action" -- "$current")
        compopt -o filenames 2>/dev/null
        ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _cc_session_recover cc-session-recover
