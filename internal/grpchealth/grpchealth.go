// Package grpchealth responds to gRPC calls: to the health check, and to every other
// method with UNIMPLEMENTED.
package grpchealth

import (
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"argserver/internal/response"
)

// A grpcStatus is a status code of gRPC.
// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
type grpcStatus string

const (
	grpcOK                grpcStatus = "0"
	grpcNotFound          grpcStatus = "5"
	grpcResourceExhausted grpcStatus = "8"
	grpcUnimplemented     grpcStatus = "12"
	grpcInternal          grpcStatus = "13"
)

const (
	grpcPrefix     = 5       // bytes before a message: the compressed flag and the length
	maxGRPCMessage = 4 << 10 // longest message, in bytes
)

// Is tells whether a request calls a gRPC method. Over HTTP/1 none does: gRPC
// needs the trailers of HTTP/2.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func Is(r *http.Request) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';') && r.Method == http.MethodPost && r.ProtoMajor == 2
}

// Handler responds to gRPC calls. It has one method, the health check, which knows
// one service, "", the whole server: SERVING, and NOT_SERVING once draining is
// closed. It is written by hand, because grpc-go would add 5.2 MB to the binary.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
func Handler(draining <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		status, problem := grpcUnimplemented, "want the method /grpc.health.v1.Health/Check"
		if r.URL.Path == "/grpc.health.v1.Health/Check" {
			// One byte more than a message may have shows that it has too many. A body
			// that ends with an error lacks a part, which checkHealth notices.
			body := make([]byte, grpcPrefix+maxGRPCMessage+1)
			n, _ := io.ReadFull(r.Body, body)
			status, problem = checkHealth(body[:n], r.Header.Get("Grpc-Encoding"))
		}
		if status != grpcOK {
			header.Set("Grpc-Accept-Encoding", "identity")
			header.Set("Grpc-Message", problem)
			header.Set("Grpc-Status", string(status))
			response.Send(w, http.StatusOK, "application/grpc", "")
			return
		}
		// A HealthCheckResponse: field 1, the status, is 1 for SERVING or 2 for
		// NOT_SERVING.
		message := "\x00\x00\x00\x00\x02\x08\x01"
		select {
		case <-draining:
			message = "\x00\x00\x00\x00\x02\x08\x02"
		default:
		}
		response.Send(w, http.StatusOK, "application/grpc", message)
		header.Set(http.TrailerPrefix+"Grpc-Status", string(status))
	}
}

// checkHealth returns the status for the body of a health check, and the problem
// unless the status is grpcOK. The body may be longer than maxGRPCMessage allows.
// encoding is the value of grpc-encoding.
func checkHealth(body []byte, encoding string) (status grpcStatus, problem string) {
	if len(body) < grpcPrefix {
		return grpcInternal, "want one message"
	}
	compressed, length, message := body[0], binary.BigEndian.Uint32(body[1:]), body[grpcPrefix:]
	switch {
	case compressed == 1 && encoding != "" && encoding != "identity":
		return grpcUnimplemented, "want a message without compression"
	case compressed != 0:
		return grpcInternal, "compressed flag: want 0"
	case length > maxGRPCMessage:
		return grpcResourceExhausted, "want a message of at most " + strconv.Itoa(maxGRPCMessage) + " bytes"
	case uint32(len(message)) != length:
		return grpcInternal, "want one message of the declared length"
	}
	service, ok := healthService(message)
	switch {
	case !ok:
		return grpcInternal, "want a HealthCheckRequest"
	case service != "":
		return grpcNotFound, "unknown service: want the empty one, which is the whole server"
	}
	return grpcOK, ""
}

// healthService returns field 1, the service, of a HealthCheckRequest. Like every
// parser of Protocol Buffers, it skips fields that it does not know, and the last
// field 1 counts. It does not know groups, which no current version can write.
// https://protobuf.dev/programming-guides/encoding/
func healthService(message []byte) (service string, ok bool) {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 || tag>>3 >= 1<<29 {
			return "", false
		}
		message = message[n:]
		length := uint64(0)
		switch tag & 7 {
		case 1:
			length = 8
		case 5:
			length = 4
		case 0, 2: // a varint, or the length of what follows it
			value, n := binary.Uvarint(message)
			if n <= 0 {
				return "", false
			}
			message = message[n:]
			if tag&7 == 2 {
				length = value
			}
		default:
			return "", false
		}
		if length > uint64(len(message)) {
			return "", false
		}
		if tag == 1<<3|2 {
			service = string(message[:length])
			if !utf8.ValidString(service) {
				return "", false
			}
		}
		message = message[length:]
	}
	return service, true
}
