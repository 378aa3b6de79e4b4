package server

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"argserver/internal/handlers"
)

// maxStreams is how many requests a client may have open on an HTTP/2 connection.
// RFC 9113, section 6.5.2, recommends no smaller limit.
const maxStreams = 100

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
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// The longest ?wait, and as long again to send the longest vector, some
		// megabytes, over a slow link.
		WriteTimeout: 2 * handlers.MaxWait,
		// By default nginx and the load balancers of AWS close an idle connection
		// after 60 seconds. If argserver closed first, a request already on its way
		// would be lost.
		IdleTimeout: 75 * time.Second,
		// Common proxies let through no more. With the default of 1 MiB a few
		// clients could fill the memory of a small container.
		MaxHeaderBytes: 64 << 10,
		// The buffers of an HTTP/2 connection: net/http would let a client fill 1 MiB a
		// stream, 1 MiB a connection and 1 MiB of a frame before a handler reads any.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     64 << 10,
			MaxReceiveBufferPerConnection: 64 << 10,
			MaxReadFrameSize:              16 << 10,
		},
		ErrorLog: logger,
		// net/http would respond to OPTIONS * before our handler can end the connection.
		DisableGeneralOptionsHandler: true,
	}
}
