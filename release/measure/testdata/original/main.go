// The program that argserver began as, which listened on :8080. Its size is the
// budget of what argserver has become, and measure holds the rest against it.
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
