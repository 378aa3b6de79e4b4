package server

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"argserver/internal/handlers"
	"argserver/internal/memory"
)

// maxStreams is how many requests a client may have open on an HTTP/2 connection.
// RFC 9113, section 6.5.2, recommends no smaller limit.
const maxStreams = 100

const (
	headerTime   = 5 * time.Second
	responseTime = 2 * handlers.MaxWait
	idleTime     = 75 * time.Second
	stallTime    = 10 * time.Second
	maxHeader    = 64 << 10 // bytes
)

// New returns a server for HTTP/1.1 and HTTP/2, with TLS or without. It limits
// how much memory and time a client can take.
func New(handler http.Handler, config *tls.Config, logger *log.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	// HTTP/2 without TLS, for proxies with prior knowledge (RFC 9113, section 3.3).
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:   handler,
		Protocols: &protocols,
		TLSConfig: config,
		// Time to send the header, and the whole request. ReadHeaderTimeout also
		// limits the TLS handshake.
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       memory.RequestTime,
		// The longest ?wait, and as long again to send the longest vector, some
		// megabytes, over a slow link. ?size and /events set deadlines of their own.
		WriteTimeout: responseTime,
		// By default nginx and the load balancers of AWS close an idle connection
		// after 60 seconds. If argserver closed first, a request already on its way
		// would be lost.
		IdleTimeout: idleTime,
		// Common proxies let through no more. With the default of 1 MiB a few
		// clients could fill the memory of a small container.
		MaxHeaderBytes: maxHeader,
		// The buffers of an HTTP/2 connection: net/http would let a client fill 1 MiB a
		// stream, 1 MiB a connection and 1 MiB of a frame before a handler reads any.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     64 << 10,
			MaxReceiveBufferPerConnection: 64 << 10,
			MaxReadFrameSize:              16 << 10,
			// WriteTimeout only resets streams. This ends a connection that reads nothing.
			WriteByteTimeout: stallTime,
		},
		ErrorLog: logger,
		// net/http would respond to OPTIONS * before our handler can end the connection.
		DisableGeneralOptionsHandler: true,
	}
}
