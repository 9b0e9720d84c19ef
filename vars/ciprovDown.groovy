/** Takes an environment away; where nothing is left of it, that is fine; see ciprovDown.txt. */
void call(String name) {
    call(name: name)
}

void call(Map options) {
    List known = ['name', 'command', 'cluster', 'local', 'skipHooks', 'lockWait']
    String wrong = ciprov.complaint('ciprovDown', options, known)
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
