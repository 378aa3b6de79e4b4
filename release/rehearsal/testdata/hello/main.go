// Hello greets over HTTP, on the port in PORT.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

var version = "devel"

func main() {
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "hello on", listener.Addr())
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s from %s\n", os.Args[1:], version)
	}))
}
