/** Takes an environment away; where nothing is left of it, that is fine; see ciprovDown.txt. */
void call(String name) {
    call(name: name)
}

void call(Map options) {
    String wrong = ciprov.complaint('ciprovDown', options, known())
    if (wrong) {
        error(wrong)
    }
    List arguments = ['env', 'down']
    if (options.skipHooks) {
        arguments << '--skip-hooks'
    }
    if (options.lockWait != null) {
        arguments.addAll(['--lock-wait', options.lockWait])
    }
    ciprov(ciprov.where(options), arguments + ['--', options.name])
}

/** What this step knows. */
List known() {
    return ['name', 'command', 'cluster', 'local', 'secrets', 'skipHooks', 'lockWait']
}
