# Completion of ciprov for fish.
function __ciprov_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] completion fish -- $words 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :dirs
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c ciprov -f -a '(__ciprov_complete)'
