import com.cloudbees.groovy.cps.NonCPS

/**
 * One command of ciprov on the current agent; whatever stands in `arguments` reaches it as it is.
 *
 * `answer`: 'text' (what it wrote to stdout), 'status' (its exit code, and then it fails no build) or nothing.
 */
Object call(Map options = [:], List arguments) {
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

/** Those of `options` that say which ciprov and which cluster: for steps that call `ciprov` themselves. */
@NonCPS
Map where(Map options) {
    Map chosen = [:]
    for (key in ['command', 'cluster', 'local']) {
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
    return ''
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
