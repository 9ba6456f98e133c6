// java Client.java URL CLIENTS POSTS SECONDS, as client.py.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

public class Client {
  static final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();

  /** A client has a pool of its own, so it holds one connection. */
  static void run(URI target, int posts, long period) {
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var request =
        HttpRequest.newBuilder(target)
            .POST(HttpRequest.BodyPublishers.ofString("{\"cpu\":1,\"rps\":2}"))
            .build();
    for (int number = 0; number < posts; number++) {
      try {
        var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 202) failures.add("" + answer.statusCode());
        Thread.sleep(period);
      } catch (Exception error) {
        failures.add(error.toString());
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    var target = URI.create(arguments[0] + "/ingest");
    int clients = Integer.parseInt(arguments[1]);
    int posts = Integer.parseInt(arguments[2]);
    long period = (long) (Double.parseDouble(arguments[3]) * 1000);
    List<Thread> threads = new ArrayList<>();
    for (int number = 0; number < clients; number++) {
      var thread = new Thread(() -> run(target, posts, period));
      thread.start();
      threads.add(thread);
    }
    for (var thread : threads) thread.join();
    System.out.println(failures.size() + " " + String.join(" ", failures.stream().limit(3).toList()));
    System.exit(0);
  }
}
