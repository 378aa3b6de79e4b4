// Timestamp-server serves Sigstore's timestamp authority, with keys in memory, at a
// port of the loopback address: timestamp-server PORT.
//
// The authority's own program also serves metrics, at a port that cannot be chosen,
// and ends if that port is in use.
package main

import (
	"log"
	"os"
	"strconv"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	// The defaults of the authority's own program.
	const policy = "1.3.6.1.4.1.57264.2"
	for name, value := range map[string]any{
		"timestamp-signer": "memory", "timestamp-signer-hash": "sha256", "max-request-body-size": 1 << 20,
		"default-policy-oid": policy, "accepted-policy-oids": []string{policy},
	} {
		viper.Set(name, value)
	}
	log.Fatal(server.NewRestAPIServer("127.0.0.1", port, []string{"http"}, false, 30*time.Second, 30*time.Second).Serve())
}
