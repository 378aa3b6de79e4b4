// Command client asks servers from inside a cluster. The tests start it in a pod
// and run it there with these arguments:
//
//	wait                  does nothing until SIGTERM, so that the pod stays
//	get URL               prints the status and the body of the answer
//	load URL MODE LEAST   sends requests from four clients until standard input
//	                      ends and at least LEAST were sent, and prints a report as
//	                      JSON; MODE is new, a connection for each request, or kept
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// report is the result of a load.
type report struct {
	Sent, Lost int
	Errors     map[string]int // how often each was the reason for a loss
	Answers    map[string]int // how often each body was the answer
	LastAnswer time.Time
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "wait":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		return nil
	case len(args) == 2 && args[0] == "get":
		c := client{url: args[1]}
		status, body, err := c.ask()
		if err != nil {
			return err
		}
		fmt.Print(status, " ", body)
		return nil
	case len(args) == 4 && args[0] == "load" && (args[2] == "new" || args[2] == "kept"):
		least, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(load(args[1], args[2] == "kept", least))
	}
	return fmt.Errorf("the arguments are %q, want wait, get URL, or load URL new|kept LEAST", args)
}

// load sends requests and prints a line when each client has sent one.
func load(url string, kept bool, least int) report {
	var stopped atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stopped.Store(true)
	}()
	r := report{Errors: map[string]int{}, Answers: map[string]int{}}
	var mutex sync.Mutex
	var started, done sync.WaitGroup
	for range 4 {
		started.Add(1)
		done.Go(func() {
			start := sync.OnceFunc(started.Done)
			c := client{url: url, kept: kept}
			for enough := false; !enough; {
				status, body, err := c.ask()
				mutex.Lock()
				r.Sent++
				switch {
				case err != nil:
					r.Lost++
					r.Errors[err.Error()]++
				case status != http.StatusOK:
					r.Lost++
					r.Errors[fmt.Sprint("status ", status)]++
				default:
					r.Answers[body]++
					r.LastAnswer = time.Now()
				}
				enough = stopped.Load() && r.Sent >= least
				mutex.Unlock()
				start()
				// With pauses, new connections do not use up all ports.
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	started.Wait()
	fmt.Println("started")
	done.Wait()
	return r
}

// client sends one request after the other. It never repeats one, as the client of
// net/http does, so every lost request shows.
type client struct {
	url    string
	kept   bool
	conn   net.Conn
	reader *bufio.Reader
}

func (c *client) ask() (status int, body string, err error) {
	request, err := http.NewRequest(http.MethodGet, c.url, nil)
	if err != nil {
		return 0, "", err
	}
	if c.conn == nil {
		address := request.URL.Host
		if request.URL.Port() == "" {
			address = net.JoinHostPort(request.URL.Hostname(), "80")
		}
		if c.conn, err = net.DialTimeout("tcp", address, 5*time.Second); err != nil {
			return 0, "", reason(err)
		}
		c.reader = bufio.NewReader(c.conn)
	}
	keep := false
	defer func() {
		if !keep {
			c.conn.Close()
			c.conn = nil
		}
	}()
	c.conn.SetDeadline(time.Now().Add(5 * time.Second))
	request.Close = !c.kept
	if err := request.Write(c.conn); err != nil {
		return 0, "", reason(err)
	}
	response, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return 0, "", reason(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", reason(err)
	}
	keep = c.kept && !response.Close
	return response.StatusCode, string(content), nil
}

// reason returns an error without the port of the client, which differs each time.
func reason(err error) error {
	if operation, ok := err.(*net.OpError); ok {
		return fmt.Errorf("%s: %w", operation.Op, operation.Err)
	}
	return err
}
