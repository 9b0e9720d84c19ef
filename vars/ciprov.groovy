import com.cloudbees.groovy.cps.NonCPS

/**
 * One command of ciprov on the current agent; whatever stands in `arguments` reaches it as it is.
 *
 * `answer`: 'text' (what it wrote to stdout), 'status' (its exit code, and then it fails no build) or nothing.
 */
Object call(Map options = [:], List arguments) {
    if (arguments.contains(null)) {
        error("ciprov: an argument is null: ${arguments.join(' ')}; is a variable of the pipeline not set?")
    }
    if (options.secrets) {
        return withCredentials(bindings(options.secrets)) { started(options, arguments) }
    }
    return started(options, arguments)
}

/** Once its secrets are bound. */
Object started(Map options, List arguments) {
    String program = options.command ?: env.CIPROV_COMMAND ?: 'ciprov'
    String script = "${program} ${quoted(target(options) + arguments)}"
    String label = "ciprov ${arguments.take(2).join(' ')}"
    if (options.answer == 'text') {
        return sh(label: label, returnStdout: true, script: script)
    }
    if (options.answer == 'status') {
        return sh(label: label, returnStatus: true, script: script)
    }
    sh(label: label, script: script)
    return null
}

/** Those of `options` that say which ciprov, cluster and secrets: for steps that call `ciprov` themselves. */
@NonCPS
Map where(Map options) {
    Map chosen = [:]
    for (key in ['command', 'cluster', 'local', 'secrets']) {
        if (options.containsKey(key)) {
            chosen[key] = options[key]
        }
    }
    return chosen
}

/** What is wrong with the options of a step, or an empty text. */
@NonCPS
String complaint(String step, Map options, List known) {
    List strange = []
    for (key in options.keySet()) {
        if (!known.contains(key)) {
            strange << key
        }
    }
    if (strange) {
        return "${step}: there is no option ${strange.join(', ')}; it knows ${known.join(', ')}"
    }
    if (known.contains('name') && !options.name) {
        return "${step}: which environment? Give name: 'feature-x', which may be a branch's name"
    }
    for (group in ['params', 'secrets']) {
        for (entry in (options[group] ?: [:]).entrySet()) {
            if (entry.value == null) {
                return "${step}: ${group}: ${entry.key} is null; is a variable of the pipeline not set?"
            }
        }
    }
    return ''
}

/** Secrets of the blueprint come from Jenkins' credentials, by variables: no command line and no log has them. */
private List bindings(Map secrets) {
    List bound = []
    List names = new ArrayList(secrets.keySet())
    for (int i = 0; i < names.size(); i++) {
        String variable = 'CIPROV_PARAM_' + names[i].toUpperCase(Locale.ROOT).replaceAll('[^A-Z0-9]', '_')
        bound << string(credentialsId: secrets[names[i]], variable: variable)
    }
    return bound
}

@NonCPS
private List target(Map options) {
    List words = []
    if (options.local) {
        words << '--local'
    }
    if (options.cluster) {
        words << '--cluster'
        words << options.cluster
    }
    return words
}

/** For sh: in single quotes nothing is special but the single quote. */
@NonCPS
private String quoted(List words) {
    List safe = []
    for (word in words) {
        safe << "'" + word.toString().replace("'", "'\\''") + "'"
    }
    return safe.join(' ')
}
