/** Runs `body` on an agent of its own, made for it of one of ciprov's templates; see ciprovAgent.txt. */
Object call(Map options = [:], String template, Closure body) {
    String wrong = ciprov.complaint('ciprovAgent', options, ['tries', 'service', 'prefix'])
    if (wrong) {
        error(wrong)
    }
    int tries = options.tries ?: 2
    return retry(count: tries, conditions: [agent(), nonresumable()]) {
        // Each try asks for another agent: the label of the one that was lost is not asked for again.
        node(label(options, template)) { body() }
    }
}

/** A label that nobody else asks for; what is not told of it is the default of the service's settings. */
String label(Map options = [:], String template) {
    if (!template?.matches('[A-Za-z0-9][A-Za-z0-9_-]*')) {
        error("ciprovAgent: '${template}' is no template's name; `ciprov agents templates` shows them")
    }
    String prefix = options.prefix ?: "${options.service ?: env.CIPROV_AGENTS_NAME ?: 'ciprov'}.${template}."
    return prefix + UUID.randomUUID().toString().replace('-', '')
}
