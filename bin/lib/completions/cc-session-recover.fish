# Completion of cc-session-recover in fish: cc-session-recover completion fish | source

function __cc_session_recover_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l command $words[1]
    set -e words[1]
    for line in ($command __complete fish $words "$current" 2>/dev/null)
        switch $line
            case ':dirs'
                __fish_complete_directories "$current"
            case ':files'
                __fish_complete_path "$current"
            case '*'
                echo $line
        end
    end
end

complete -c cc-session-recover -f -a '(__cc_session_recover_complete)'
