// Go's net/http as a client. Prints the status and the body of the answer, or the error.
//
// usage: client TLS-VERSION CA CERT-OR-EMPTY KEY-OR-EMPTY METHOD URL BODY-BYTES
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

func main() {
	arguments := os.Args[1:]
	version := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[arguments[0]]
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(arguments[1]); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	settings := &tls.Config{MinVersion: version, MaxVersion: version, RootCAs: roots}
	if arguments[2] != "" {
		pair, err := tls.LoadX509KeyPair(arguments[2], arguments[3])
		if err != nil {
			fmt.Println(err)
			return
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}}
	length, _ := strconv.Atoi(arguments[6])
	request, _ := http.NewRequest(arguments[4], arguments[5], strings.NewReader(strings.Repeat(" ", length)))
	answer, err := client.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(answer.Body)
	fmt.Println("HTTP", answer.StatusCode, string(body))
	if err != nil {
		fmt.Println(err)
	}
}
