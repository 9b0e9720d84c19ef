// What CodeNarc looks for in vars/: what breaks in continuations first of all.
ruleset {
    ruleset('rulesets/jenkins.xml') {
        // Scripts of vars/ are no classes of src/.
        exclude 'ClassNotSerializable'
    }
    ruleset('rulesets/basic.xml')
    ruleset('rulesets/braces.xml')
    ruleset('rulesets/exceptions.xml') {
        // Whatever goes wrong while a failure is told must not hide that failure.
        exclude 'CatchException'
    }
    ruleset('rulesets/imports.xml')
    ruleset('rulesets/unused.xml')
    LineLength { length = 120 }
    TrailingWhitespace()
    ConsecutiveBlankLines()
    SpaceAfterComma()
    SpaceAroundOperator()
    UnnecessarySemicolon()
    UnnecessaryDefInVariableDeclaration()
}
