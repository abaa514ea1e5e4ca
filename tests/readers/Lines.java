import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** Java's own reader of lines: {@code java Lines.java METHOD URL BODY} prints the lines. */
class Lines {
    public static void main(String[] args) throws Exception {
        var body = args[2].equals("null") ? BodyPublishers.noBody() : BodyPublishers.ofString(args[2]);
        var asked = HttpRequest.newBuilder(URI.create(args[1]))
            .header("Content-Type", "application/json").method(args[0], body).build();
        var answer = HttpClient.newHttpClient().send(asked, BodyHandlers.ofLines());
        if (answer.statusCode() != 200) System.out.println("status: " + answer.statusCode());
        else answer.body().forEach(System.out::println);
    }
}
