/** What outlives a pipeline's own state: its environment variables, and the library's global variables. */
class Host {
    static final Env ENV = new Env()
    static Map variables = [:]
    private static List levels = []

    static void begin(Map environment) {
        variables = [:]
        levels = [new LinkedHashMap(environment)]
    }

    static Map getEnvironment() { levels[-1] }

    static void push(List added) {
        Map level = new LinkedHashMap(levels[-1])
        added.each { String one -> level[one.substring(0, one.indexOf('='))] = one.substring(one.indexOf('=') + 1) }
        levels << level
    }

    static void pop() { levels.remove(levels.size() - 1) }

    static class Env implements Serializable {
        def getProperty(String name) { Host.environment[name] }

        private Object readResolve() { Host.ENV }
    }
}
