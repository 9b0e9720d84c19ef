/** An environment for as long as `body` runs; see ciprovEnv.txt. */
Object call(Map options, Closure body) {
    String wrong = ciprov.complaint('ciprovEnv', options, ciprovUp.known() + ['keep', 'logLines'])
    Object keep = options.keep ?: false
    if (!wrong && !([true, false, 'failed'].contains(keep))) {
        wrong = "ciprovEnv: keep is true, false or 'failed', not ${keep}"
    }
    if (wrong) {
        error(wrong)
    }
    boolean stood = isThere(options)
    boolean serves = false
    boolean passed = false
    try {
        Map environment = ciprovUp(making(options, stood))
        serves = true
        Object result = withEnv(environment.variables) { body(environment) }
        passed = true
        return result
    } finally {
        if (!passed) {
            diagnose(options)
        }
        if (stood && !serves) {
            // It was somebody's before this build, and what failed was rolled back.
            echo "ciprov: environment ${options.name} stood before this build and was left as it is"
        } else if (keep == true || (keep == 'failed' && !passed)) {
            echo "ciprov: environment ${options.name} is kept; `ciprov env down ${options.name}` takes it away"
        } else if (passed) {
            ciprovDown(ending(options))
        } else {
            // Whatever failed first is what the build is to end with.
            takeAway(options)
        }
    }
}

/** What of `name` there is before this build. Fails where that cannot be told: then nothing is to be taken away. */
private boolean isThere(Map options) {
    int status = ciprov(ciprov.where(options) + [answer: 'status'], ['env', 'down', '--dry-run', '--', options.name])
    if (status != 0 && status != 2) {
        error("ciprovEnv: ciprov cannot tell whether environment ${options.name} is there (exit code ${status}); " +
            'what it says is above')
    }
    return status == 2
}

private Map making(Map options, boolean stood) {
    Map chosen = [:] + options
    chosen.remove('keep')
    chosen.remove('logLines')
    if (chosen.onFailure == null) {
        // What is new is kept until its logs are shown; what stood before comes back.
        chosen.onFailure = stood ? 'rollback' : 'keep'
    }
    return chosen
}

private Map ending(Map options) {
    Map chosen = ciprov.where(options) + [name: options.name]
    if (options.lockWait != null) {
        chosen.lockWait = options.lockWait
    }
    if (options.skipHooks) {
        chosen.skipHooks = true
    }
    return chosen
}

private void diagnose(Map options) {
    Map settings = ciprov.where(options) + [answer: 'status']
    String lines = options.logLines == null ? '40' : options.logLines.toString()
    echo "ciprov: why environment ${options.name} may have failed: its state, and the end of what its apps wrote"
    try {
        int status = ciprov(settings, ['env', 'status', '--', options.name])
        if (status == 0 && lines != '0') {
            ciprov(settings, ['env', 'logs', '-n', lines, '--', options.name])
            ciprov(settings, ['env', 'logs', '-n', lines, '--stderr', '--', options.name])
        }
    } catch (Exception lost) {
        echo "ciprov: no diagnosis: ${lost.message}"
    }
}

private void takeAway(Map options) {
    try {
        ciprovDown(ending(options))
    } catch (Exception lost) {
        echo "ciprov: environment ${options.name} was NOT taken away: ${lost.message}; " +
            "`ciprov env down ${options.name}` does it, or `ciprov env reap` once its time is over"
    }
}
