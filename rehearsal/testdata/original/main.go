// The program that argserver began as. Its size is the budget of what argserver
// has become.
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
	if err := http.ListenAndServe(":8080", nil); err != nil {
		panic(err)
	}
}
