package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

const (
	maxBody = 1 << 20 // largest request body, in bytes

	// The first bytes of a body are free, so that large bodies cannot keep out small
	// ones. The number of streams and connections bounds them.
	freeBody  = 3 << 10
	bodyPiece = 30 << 10 // what a body takes from the budget at a time, in bytes

	// maxBodies is how many bytes the server holds at a time for the bodies of all
	// requests: enough for eight of the largest.
	maxBodies = 8 * (maxBody + bodyPiece)
)

var (
	errBodyTooLarge = fmt.Errorf("body: want at most %d bytes", maxBody)
	errBodiesFull   = errors.New("body: the bodies of other requests fill the memory set aside for them; retry later")
)

// A body is a request body in memory. It consists of pieces, so that it grows
// without a copy. Base64 encodes three bytes at a time, and so the length of every
// piece but the last is a multiple of three.
type body struct {
	pieces [][]byte // with capacities of freeBody, then of bodyPiece
	size   int
	budget *budget
}

// pieces holds pieces of bodyPiece bytes for the next bodies.
var pieces = sync.Pool{New: func() any { return new([bodyPiece]byte) }}

// readBody reads the body of a request and takes bytes from the budget as they
// arrive. The caller frees the body, even after an error. The error is
// errBodyTooLarge, errBodiesFull or one of the connection.
func readBody(w http.ResponseWriter, r *http.Request, budget *budget) (*body, error) {
	b := &body{budget: budget}
	// A declared length over the limit is refused before a client that sent Expect
	// uploads it.
	if r.ContentLength > maxBody {
		return b, errBodyTooLarge
	}
	if r.Body == http.NoBody {
		return b, nil
	}
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	piece := make([]byte, 0, freeBody)
	for {
		n, err := limited.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		b.size += n
		if err != nil {
			b.pieces = append(b.pieces, piece)
			return b, bodyError(err)
		}
		if len(piece) == cap(piece) {
			b.pieces = append(b.pieces, piece)
			if !budget.take(bodyPiece) {
				// A client that is still sending may miss the answer if the connection
				// closes, and net/http would leave what it has buffered to the garbage
				// collector.
				b.free()
				if _, err := io.Copy(io.Discard, limited); err != nil {
					return b, bodyError(err)
				}
				return b, errBodiesFull
			}
			piece = pieces.Get().(*[bodyPiece]byte)[:0]
		}
	}
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == io.EOF:
		return nil
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	default:
		return err
	}
}

// free gives the memory of the body back. The body must not be used afterwards.
func (b *body) free() {
	for _, piece := range b.pieces {
		if cap(piece) == bodyPiece {
			pieces.Put((*[bodyPiece]byte)(piece[:bodyPiece]))
			b.budget.release(bodyPiece)
		}
	}
	b.pieces = nil
}

// WriteTo writes the body to w.
func (b *body) WriteTo(w io.Writer) (written int64, err error) {
	for _, piece := range b.pieces {
		n, err := w.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeBase64 writes the body to w in base64. It needs buffer for a part at a time.
func (b *body) writeBase64(w io.Writer, buffer []byte) error {
	for _, piece := range b.pieces {
		for len(piece) > 0 {
			part := piece[:min(len(piece), freeBody)]
			piece = piece[len(part):]
			buffer = base64.StdEncoding.AppendEncode(buffer[:0], part)
			if _, err := w.Write(buffer); err != nil {
				return err
			}
		}
	}
	return nil
}
