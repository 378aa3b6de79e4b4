// Program serves its arguments, or prints them if they begin with print. Each lie in
// the variable LIE is something that a program can do wrong.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	lie := os.Getenv("LIE")
	switch {
	case len(os.Args) > 1 && os.Args[1] == "print":
		fmt.Printf("%q\n", os.Args[2:])
		fmt.Fprintln(os.Stderr, "printed")
		os.Exit(3)
	case len(os.Args) > 1 && os.Args[1] == "healthy":
		if lie == "sick" {
			fmt.Println("I am sick")
			os.Exit(1)
		}
		return
	case lie == "start":
		fmt.Println("no configuration")
		os.Exit(4)
	}
	address := os.Getenv("ADDR")
	if address == "" {
		address = ":9000"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Printf("starting\nlistening on http://%s/\n", listener.Addr())
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lie == "status" {
			w.WriteHeader(http.StatusTeapot)
		}
		if lie == "body" {
			fmt.Fprint(w, "not ")
		}
		for _, argument := range os.Args[1:] {
			fmt.Fprintf(w, "%s\x00", argument)
		}
		if lie != "version" {
			fmt.Fprint(w, "1.2.3")
		}
	}))
	<-signals
	if lie == "stop" {
		os.Exit(5)
	}
}
