import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/**
 * Java's HttpClient. Prints the status and the body of the answer, or the exception with its causes.
 *
 * usage: Client TLS-VERSION CA PKCS12-OR-EMPTY METHOD URL BODY-BYTES; the password of the PKCS #12 file is `password`
 */
public class Client {
    public static void main(String[] arguments) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        if (!arguments[1].isEmpty()) {
            try (FileInputStream file = new FileInputStream(arguments[1])) {
                trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        if (arguments[1].isEmpty()) {
            trust.init((KeyStore) null);
        } else {
            trust.init(trusted);
        }
        KeyManagerFactory keys = null;
        if (!arguments[2].isEmpty()) {
            KeyStore own = KeyStore.getInstance("PKCS12");
            try (FileInputStream file = new FileInputStream(arguments[2])) {
                own.load(file, "password".toCharArray());
            }
            keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(own, "password".toCharArray());
        }
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] {"TLSv" + arguments[0]});
        HttpClient client = HttpClient.newBuilder().sslContext(context).sslParameters(parameters).build();
        byte[] body = " ".repeat(Integer.parseInt(arguments[5])).getBytes();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[4]))
            .method(arguments[3], HttpRequest.BodyPublishers.ofByteArray(body)).build();
        try {
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println("HTTP " + answer.statusCode() + " " + answer.body());
        } catch (Exception exception) {
            System.out.println(exception);
            for (Throwable cause = exception.getCause(); cause != null; cause = cause.getCause()) {
                if (!cause.toString().equals(exception.toString())) {
                    System.out.println("caused by " + cause);
                }
            }
        }
        System.exit(0);
    }
}
