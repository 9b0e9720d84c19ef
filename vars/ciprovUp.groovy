import com.cloudbees.groovy.cps.NonCPS

/** Makes an environment, or changes it, and returns its addresses; see ciprovUp.txt. */
Map call(Map options) {
    String wrong = ciprov.complaint('ciprovUp', options, known())
    if (wrong) {
        error(wrong)
    }
    List arguments = ['env', 'up'] + flags(options) + ['-o', 'dotenv', '--', options.name]
    return environment(ciprov(ciprov.where(options) + [answer: 'text'], arguments))
}

/** What this step knows, for steps around it. */
@NonCPS
List known() {
    return ['name', 'command', 'cluster', 'local', 'params', 'secrets', 'smoke', 'skipHooks'] +
        ['blueprint', 'kind', 'ttl', 'timeout', 'owner', 'team', 'branch', 'gitRemote', 'onFailure', 'lockWait']
}

@NonCPS
private List flags(Map options) {
    Map names = [
        blueprint: '--blueprint', kind: '--kind', ttl: '--ttl', timeout: '--timeout', owner: '--owner', team: '--team',
        branch: '--branch', gitRemote: '--git-remote', onFailure: '--on-failure', lockWait: '--lock-wait',
    ]
    List words = []
    for (entry in names.entrySet()) {
        // An empty kind is one: it says "none of the blueprint's kinds".
        if (options[entry.key] != null) {
            words << entry.value
            words << options[entry.key]
        }
    }
    if (options.smoke) {
        words << '--smoke'
    }
    if (options.skipHooks) {
        words << '--skip-hooks'
    }
    for (entry in (options.params ?: [:]).entrySet()) {
        words << '--param'
        // A value that begins with @ would name a file to read, and values may come from whoever named a branch.
        String value = entry.value.toString()
        words << "${entry.key}=${value.startsWith('@') ? '@' + value : value}".toString()
    }
    return words
}

/** An object made of ciprov's variables, one in each line: they need no plugin that reads JSON. */
@NonCPS
private Map environment(String answer) {
    Map values = [:]
    List variables = []
    for (line in answer.readLines()) {
        int at = line.indexOf('=')
        if (at > 0) {
            values[line.substring(0, at)] = line.substring(at + 1)
            variables << line
        }
    }
    Map endpoints = [:]
    for (name in values.keySet()) {
        String stem = name.endsWith('_HOST') ? name.substring(0, name.length() - 5) : ''
        if (stem && values.containsKey(stem + '_PORT')) {
            endpoints[stem.toLowerCase(Locale.ROOT)] =
                [host: values[name], port: values[stem + '_PORT'], url: values[stem + '_URL'] ?: '']
        }
    }
    return [
        name: values.CIPROV_ENV_NAME, group: values.CIPROV_ENV_GROUP, kind: values.CIPROV_ENV_KIND,
        cluster: values.CIPROV_CLUSTER_NAME, url: values.CIPROV_URL, endpoints: endpoints, variables: variables,
    ]
}
