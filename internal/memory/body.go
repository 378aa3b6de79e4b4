package memory

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"argserver/internal/response"
)

const (
	MaxBody     = 1 << 20          // largest request body, in bytes
	RequestTime = 10 * time.Second // longest time for a request to arrive

	// The first bytes of a body are free, so that large bodies cannot keep out small
	// ones. The number of streams and connections bounds them.
	FreeBody  = 3 << 10
	BodyPiece = 30 << 10 // what a body takes from the budget at a time, in bytes

	// MaxHeld is how many bytes the requests of all clients hold together, beside the
	// small ones: enough for eight of the largest bodies.
	MaxHeld = 8 * (MaxBody + BodyPiece)
)

var (
	ErrBodyTooLarge = fmt.Errorf("body: want at most %d bytes", MaxBody)
	ErrBodiesFull   = errors.New("body: other requests fill the memory set aside for them; retry later")
)

// A Body is a request body in memory. It consists of pieces, so that it grows
// without a copy. Base64 encodes three bytes at a time, and so the length of every
// piece but the last is a multiple of three.
type Body struct {
	pieces [][]byte // with capacities of freeBody, then of bodyPiece
	Size   int
	budget *Budget
}

// pieces holds pieces of bodyPiece bytes for the next bodies.
var pieces = sync.Pool{New: func() any { return new([BodyPiece]byte) }}

// ReadBody reads the body of a request and takes bytes from the budget as they
// arrive. The caller frees the body, even after an error. The error is
// ErrBodyTooLarge, ErrBodiesFull or one of the connection.
func ReadBody(w http.ResponseWriter, r *http.Request, budget *Budget) (*Body, error) {
	b := &Body{budget: budget}
	// A declared length over the limit is refused before a client that sent Expect
	// uploads it.
	if r.ContentLength > MaxBody {
		return b, ErrBodyTooLarge
	}
	if r.Body == http.NoBody {
		return b, nil
	}
	limited := http.MaxBytesReader(w, r.Body, MaxBody)
	piece := make([]byte, 0, FreeBody)
	for {
		n, err := limited.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		b.Size += n
		if err != nil {
			b.pieces = append(b.pieces, piece)
			return b, bodyError(err)
		}
		if len(piece) == cap(piece) {
			b.pieces = append(b.pieces, piece)
			if !budget.Take(BodyPiece) {
				// A client that is still sending may miss the answer if the connection
				// closes, and net/http would leave what it has buffered to the garbage
				// collector.
				b.Free()
				if _, err := io.Copy(io.Discard, limited); err != nil {
					return b, bodyError(err)
				}
				return b, ErrBodiesFull
			}
			piece = pieces.Get().(*[BodyPiece]byte)[:0]
		}
	}
}

// SkipBody reads the body of a request that no handler wants: over HTTP/2, a body that
// nobody reads takes up the window of all streams. After an error it responds and
// returns false.
func SkipBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 && r.Header["Content-Length"] == nil {
		return true
	}
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, MaxBody))
	if err = bodyError(err); err != nil {
		FailBody(w, err)
	}
	return err == nil
}

// FailBody responds to an error of ReadBody.
func FailBody(w http.ResponseWriter, err error) {
	status, problem := http.StatusBadRequest, "body: "+err.Error()
	switch {
	case err == ErrBodyTooLarge:
		status, problem = http.StatusRequestEntityTooLarge, err.Error()
	case err == ErrBodiesFull:
		w.Header().Set("Retry-After", "1")
		status, problem = http.StatusServiceUnavailable, err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		status, problem = http.StatusRequestTimeout, "body: want all of it within "+RequestTime.String()
	}
	response.Fail(w, status, problem)
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
		return nil
	case errors.As(err, &tooLarge):
		return ErrBodyTooLarge
	default:
		return err
	}
}

// Free gives the memory of the body back. The body must not be used afterwards.
func (b *Body) Free() {
	for _, piece := range b.pieces {
		if cap(piece) == BodyPiece {
			pieces.Put((*[BodyPiece]byte)(piece[:BodyPiece]))
			b.budget.Release(BodyPiece)
		}
	}
	b.pieces = nil
}

// WriteTo writes the body to w.
func (b *Body) WriteTo(w io.Writer) (written int64, err error) {
	for _, piece := range b.pieces {
		n, err := w.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// WriteBase64 writes the body to w in base64. It needs buffer for a part at a time.
func (b *Body) WriteBase64(w io.Writer, buffer []byte) error {
	for _, piece := range b.pieces {
		for len(piece) > 0 {
			part := piece[:min(len(piece), FreeBody)]
			piece = piece[len(part):]
			buffer = base64.StdEncoding.AppendEncode(buffer[:0], part)
			if _, err := w.Write(buffer); err != nil {
				return err
			}
		}
	}
	return nil
}
