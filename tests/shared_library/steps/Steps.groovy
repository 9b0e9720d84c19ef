import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.NonCPS
import com.cloudbees.groovy.cps.SerializableScript

/** What pipelines and steps of a library are made on: steps that are asked of whoever started the interpreter. */
abstract class Steps extends SerializableScript {

    def sh(String script) { step('sh', [script: script]) }

    def sh(Map arguments) { step('sh', arguments) }

    def echo(String message) { step('echo', [message: message]) }

    def error(String message) { step('error', [message: message]) }

    def unstable(String message) { step('unstable', [message: message]) }

    def checkout(Object scm) { step('checkout', [:]) }

    def archiveArtifacts(Object what) { step('archiveArtifacts', [artifacts: what]) }

    def agent() { 'agent' }

    def nonresumable() { 'nonresumable' }

    def string(Map arguments) { arguments }

    def stage(String name, Closure body) { block('stage', [name: name], body) }

    def node(String label, Closure body) { block('node', [label: label], body) }

    def retry(Map arguments, Closure body) {
        int left = arguments.count
        while (true) {
            left--
            try {
                return body()
            } catch (Exception lost) {
                // As the conditions agent() and nonresumable() have it: what else fails is not tried again.
                if (left == 0 || !lost.message.contains('agent was lost') || arguments.conditions != ['agent', 'nonresumable']) {
                    throw lost
                }
            }
        }
    }

    def withEnv(List variables, Closure body) {
        Host.push(variables)
        try {
            return body()
        } finally {
            Host.pop()
        }
    }

    def withCredentials(List bindings, Closure body) { withEnv(step('withCredentials', [bindings: bindings]), body) }

    def block(String name, Map arguments, Closure body) {
        step(name, arguments)
        try {
            return body()
        } finally {
            step("end of ${name}", [:])
        }
    }

    @NonCPS
    def step(String name, Map arguments) {
        Continuable.suspend([step: name, arguments: arguments, environment: Host.environment])
    }

    /** Names of the library's steps: as in Jenkins, `ciprovUp(…)` is the `call` of the global variable. */
    @NonCPS
    def invokeMethod(String name, Object arguments) {
        if (Host.variables.containsKey(name)) {
            return org.codehaus.groovy.runtime.InvokerHelper.invokeMethod(Host.variables[name], 'call', arguments)
        }
        throw new MissingMethodException(name, getClass(), arguments as Object[])
    }

    @NonCPS
    def propertyMissing(String name) {
        if (name == 'env') {
            return Host.ENV
        }
        if (Host.variables.containsKey(name)) {
            return Host.variables[name]
        }
        throw new MissingPropertyException(name, getClass())
    }
}
