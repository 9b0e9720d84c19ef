import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.sandbox.Untrusted
import org.codehaus.groovy.ast.ClassCodeExpressionTransformer
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.classgen.GeneratorContext
import org.codehaus.groovy.control.SourceUnit
import org.kohsuke.groovy.sandbox.SandboxTransformer

/** Continuations whose calls pass the sandbox, in methods marked NonCPS as well. */
class SandboxedTransformer extends CpsTransformer {
    private ClassCodeExpressionTransformer plain

    void call(SourceUnit source, GeneratorContext context, ClassNode node) {
        plain = new SandboxTransformer().createVisitor(source, node)
        super.call(source, context, node)
    }

    protected Class getTrustTag() { Untrusted }

    protected void visitNontransformedMethod(MethodNode method) { plain.visitMethod(method) }
}
