import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A stand-in for agent.jar that a real JVM runs: connects to the fake Jenkins and stays until that ends it. */
public class StandInAgent {
    private static final List<String> FLAGS = List.of("-webSocket", "-noReconnect", "-help");

    public static void main(String[] arguments) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < arguments.length; i++) {
            given.put(arguments[i], FLAGS.contains(arguments[i]) ? "" : arguments[++i]);
        }
        if (given.containsKey("-help")) {
            return;
        }
        String secret = given.get("-secret");
        if (secret.startsWith("@")) {
            secret = new String(Files.readAllBytes(Path.of(secret.substring(1))), StandardCharsets.UTF_8).trim();
        }
        if (given.containsKey("-jar-cache")) {
            Files.writeString(Path.of(given.get("-jar-cache"), "loaded.jar"), "from " + given.get("-name"));
        }
        URI address = URI.create(given.get("-url").replaceAll("/$", "") + "/fake/agents/" + given.get("-name"));
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        connection.setRequestMethod("POST");
        connection.setRequestProperty("X-Secret", secret);
        if (connection.getResponseCode() != 200) {
            System.err.println("refused: " + connection.getResponseCode());
            System.exit(255);
        }
        System.err.println("INFO: Connected");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8));
        while (lines.readLine() != null) {}
    }
}
