import groovy.json.JsonOutput
import groovy.json.JsonSlurperClassic
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.MapExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.expr.VariableExpression
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.Phases

/** The calls in a Jenkinsfile as a tree: name, line, names of options, and the calls in its block. JSON in and out. */
class CallTree extends CodeVisitorSupport {
    private List calls = []

    void visitMethodCallExpression(MethodCallExpression call) {
        Map seen = [
            name: call.methodAsString, line: call.lineNumber, options: [], text: null, calls: [],
            on: call.objectExpression instanceof VariableExpression ? call.objectExpression.name : '',
        ]
        List outer = calls
        outer << seen
        calls = seen.calls
        if (!call.implicitThis) {
            call.objectExpression.visit(this)
        }
        if (call.arguments instanceof TupleExpression) {
            for (argument in call.arguments.expressions) {
                if (argument instanceof MapExpression) {
                    seen.options.addAll(argument.mapEntryExpressions*.keyExpression*.text)
                }
                if (argument instanceof ConstantExpression) {
                    seen.text = argument.text
                }
                seen.block = argument instanceof ClosureExpression
                argument.visit(this)
            }
        }
        calls = outer
    }

    static Map read(String text) {
        CompilationUnit unit = new CompilationUnit()
        unit.addSource('Jenkinsfile', text)
        try {
            unit.compile(Phases.CONVERSION)
        } catch (CompilationFailedException failure) {
            return [error: failure.message]
        }
        CallTree tree = new CallTree()
        unit.AST.modules*.statementBlock*.visit(tree)
        [calls: tree.calls]
    }

    static void main(String... arguments) {
        println JsonOutput.toJson(new JsonSlurperClassic().parse(System.in.newReader('UTF-8')).collect { read(it) })
    }
}
