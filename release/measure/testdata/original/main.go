// The original argserver, except that it always listened on :8080. Its size limits
// the size of today's argserver, and measure uses it as the baseline.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/args", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Args)
	})
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
