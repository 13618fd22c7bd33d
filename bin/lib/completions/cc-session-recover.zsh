#compdef cc-session-recover
# Completion of cc-session-recover in zsh: source <(cc-session-recover completion zsh), after compinit; or a file _cc-session-recover in
# a directory of $fpath.

_cc_session_recover() {
  local line
  local -a lines candidates
  lines=("${(@f)$(${words[1]} __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    case $line in
      :dirs) _files -/ ;;
      :files) _files ;;
      *) candidates+=("$line") ;;
    esac
  done
  (( $#candidates )) && _describe cc-session-recover candidates
}

if [[ ${funcstack[1]} == _cc[-_]session[-_]recover ]]; then
  _cc_session_recover "$@"
else
  compdef _cc_session_recover cc-session-recover
fi
