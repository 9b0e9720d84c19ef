import com.cloudbees.groovy.cps.SerializableScript
import org.codehaus.groovy.runtime.GStringImpl
import org.codehaus.groovy.runtime.ScriptBytecodeAdapter
import org.kohsuke.groovy.sandbox.GroovyInterceptor

/** Lets through what Jenkins' sandbox lets through: the lines of a list in the form of the script security plugin. */
class Sandbox extends GroovyInterceptor {
    private final List lines

    Sandbox(File list) {
        lines = list.readLines().findAll { it && !it.startsWith('#') }*.tokenize(' ')
    }

    def onMethodCall(GroovyInterceptor.Invoker invoker, Object receiver, String name, Object... given) {
        boolean arithmetic = receiver instanceof Number && given.size() == 1 && given[0] instanceof Number
        if (arithmetic || receiver instanceof Closure && name == 'call' || receiver instanceof SerializableScript) {
            return invoker.call(receiver, name, given)
        }
        boolean fine = lines.any { line ->
            line[2] == name && (
                line[0] == 'method' && fits([line[1]] + line.drop(3), [receiver, *given]) ||
                line[0] == 'staticMethod' && line[1].endsWith('GroovyMethods') && fits(line.drop(3), [receiver, *given]))
        }
        check(fine, "method ${receiver?.getClass()?.name} $name(${given.collect { it?.getClass()?.name }.join(', ')})")
        invoker.call(receiver, name, given)
    }

    def onStaticCall(GroovyInterceptor.Invoker invoker, Class receiver, String name, Object... given) {
        // What a declared type or a text with values in it asks for: Jenkins lets these through.
        boolean plain = receiver == ScriptBytecodeAdapter && name in ['asType', 'castToType'] &&
            given[1] in [String, int, boolean, Object, Object[], String[], Map, List]
        check(plain || lines.any { it[0] == 'staticMethod' && it[1] == receiver.name && it[2] == name && fits(it.drop(3), given as List) },
            "staticMethod $receiver.name $name ${given.toList()}")
        invoker.call(receiver, name, given)
    }

    def onNewInstance(GroovyInterceptor.Invoker invoker, Class receiver, Object... given) {
        check(receiver == GStringImpl || lines.any { it[0] == 'new' && it[1] == receiver.name && fits(it.drop(2), given as List) },
            "new $receiver.name(${given.collect { it?.getClass()?.name }.join(', ')})")
        invoker.call(receiver, null, given)
    }

    def onGetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String name) {
        String getter = 'get' + name.capitalize()
        check(receiver instanceof SerializableScript || receiver instanceof Host.Env || receiver instanceof Map ||
            receiver instanceof Closure ||
            receiver instanceof Class && lines.any { it[0] == 'staticField' && it[1] == receiver.name && it[2] == name } ||
            lines.any { it[0] == 'method' && it[2] == getter && it.size() == 3 && fits([it[1]], [receiver]) },
            "property ${receiver?.getClass()?.name} $name")
        invoker.call(receiver, name)
    }

    def onSetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String name, Object value) {
        check(receiver instanceof Map, "set property ${receiver?.getClass()?.name} $name")
        invoker.call(receiver, name, value)
    }

    def onGetAttribute(GroovyInterceptor.Invoker invoker, Object receiver, String name) { check(false, "attribute $name") }

    def onSetAttribute(GroovyInterceptor.Invoker invoker, Object receiver, String name, Object value) { check(false, "attribute $name") }

    private static boolean fits(List types, List values) {
        types.size() == values.size() && [types, values].transpose().every { String type, Object value ->
            type == 'java.lang.Object' || value == null || boxed(type)?.isInstance(value)
        }
    }

    private static Class boxed(String type) {
        Map primitives = [int: Integer, boolean: Boolean, long: Long, 'java.lang.Object[]': Object[]]
        primitives[type] ?: (type.contains('.') && !type.endsWith('[]') ? Class.forName(type) : null)
    }

    private static void check(boolean fine, String what) {
        if (!fine) {
            throw new SecurityException("the sandbox does not know: $what")
        }
    }
}
