import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.Envs
import com.cloudbees.groovy.cps.NonCPS
import com.cloudbees.groovy.cps.Outcome
import com.cloudbees.groovy.cps.sandbox.SandboxInvoker
import groovy.json.JsonOutput
import groovy.json.JsonSlurperClassic
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.ImportCustomizer

/**
 * Runs pipelines as Jenkins does: transformed to continuations, in the sandbox, and with all their state written out
 * and read back at each step, as when a controller restarts there.
 *
 * A line of JSON on stdin starts one; each step is a line on stdout, and the next line on stdin is its answer.
 */
class Interpreter {
    private final PrintStream out
    private final BufferedReader input
    private final File library
    private final Sandbox sandbox
    private final GroovyClassLoader steps

    Interpreter(File library, File steps, File allowed, PrintStream out) {
        this.library = library
        this.steps = new GroovyClassLoader(getClass().classLoader, configuration(new CpsTransformer()))
        this.steps.parseClass(steps)
        this.out = out
        this.input = new BufferedReader(new InputStreamReader(System.in, 'UTF-8'))
        this.sandbox = new Sandbox(allowed)
    }

    void serve() {
        for (Map request = next(); request != null; request = next()) {
            try {
                tell([returned: readable(run(request.pipeline, request.environment))])
            } catch (Throwable failure) {
                tell([failed: failure.toString()])
                failure.printStackTrace()
            }
        }
    }

    private Object run(String pipeline, Map environment) {
        Host.begin(environment)
        CompilerConfiguration chosen = configuration(new SandboxedTransformer())
        chosen.scriptBaseClass = 'Steps'
        GroovyShell shell = new GroovyShell(new GroovyClassLoader(steps), new Binding(), chosen)
        library.listFiles().findAll { it.name.endsWith('.groovy') }.sort().each {
            Host.variables[it.name - '.groovy'] = shell.parse(it)
        }
        Continuable state = new Continuable(shell.parse(pipeline, 'Jenkinsfile.groovy'), Envs.empty(new SandboxInvoker()))
        Outcome outcome = guarded(state, new Outcome(null, null))
        while (state.resumable) {
            tell(readable(outcome.normal))
            Map answer = next()
            state = thawed(frozen(state), shell.classLoader)
            outcome = guarded(state, new Outcome(answer.value, answer.error ? new Exception(answer.error) : null))
        }
        outcome.replay()
    }

    private Outcome guarded(Continuable state, Outcome answer) {
        sandbox.register()
        try {
            return state.run0(answer)
        } finally {
            sandbox.unregister()
        }
    }

    static CompilerConfiguration configuration(CpsTransformer transformer) {
        CompilerConfiguration chosen = new CompilerConfiguration()
        chosen.addCompilationCustomizers(new ImportCustomizer().addImports(NonCPS.name), transformer)
        chosen
    }

    private static byte[] frozen(Object state) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream()
        new ObjectOutputStream(bytes).withStream { it.writeObject(state) }
        bytes.toByteArray()
    }

    private static Object thawed(byte[] bytes, ClassLoader loader) {
        new Thawing(new ByteArrayInputStream(bytes), loader).readObject()
    }

    private static Object readable(Object value) {
        value instanceof Map ? value.collectEntries { [(it.key as String): readable(it.value)] } :
            value instanceof Collection ? value.collect { readable(it) } :
            value instanceof GString ? value.toString() : value
    }

    private Map next() {
        String line = input.readLine()
        line == null ? null : new JsonSlurperClassic().parseText(line) as Map
    }

    private void tell(Map what) { out.println(JsonOutput.toJson(what)); out.flush() }

    static class Thawing extends ObjectInputStream {
        private final ClassLoader loader

        Thawing(InputStream from, ClassLoader loader) {
            super(from)
            this.loader = loader
        }

        protected Class resolveClass(ObjectStreamClass description) {
            Class.forName(description.name, false, loader)
        }
    }

    static void main(String... arguments) {
        PrintStream out = new PrintStream(System.out, true, 'UTF-8')
        System.setOut(System.err)
        new Interpreter(new File(arguments[0]), new File(arguments[1]), new File(arguments[2]), out).serve()
    }
}
