// Tells how Go's net/http reads conversations: a line for each, with a hash of the path and of the body of
// each request that it takes.
//
//	differential CONVERSATIONS
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type connection struct {
	rest    []byte
	written []byte
	items   []string
	end     string
	isOld   bool
	done    chan struct{}
	once    sync.Once
}

func (c *connection) Read(into []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	count := copy(into, c.rest)
	c.rest = c.rest[count:]
	return count, nil
}

func (c *connection) Write(bytes []byte) (int, error) {
	// What the last response begins with.
	if at := strings.LastIndex(string(bytes), "HTTP/1."); at >= 0 {
		c.written = append(c.written[:0], bytes[at:]...)
	}
	return len(bytes), nil
}

func (c *connection) Close() error                     { c.once.Do(func() { close(c.done) }); return nil }
func (c *connection) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *connection) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *connection) SetDeadline(time.Time) error      { return nil }
func (c *connection) SetReadDeadline(time.Time) error  { return nil }
func (c *connection) SetWriteDeadline(time.Time) error { return nil }

type listener struct{ next chan *connection }

func (l *listener) Accept() (net.Conn, error) {
	c, isThere := <-l.next
	if !isThere {
		return nil, io.EOF
	}
	return c, nil
}
func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

type key struct{}

func hash(bytes []byte) uint32 {
	h := fnv.New32a()
	h.Write(bytes)
	return h.Sum32()
}

func path(target string) string {
	lower := strings.ToLower(target)
	for _, scheme := range []string{"http://", "https://"} {
		if strings.HasPrefix(lower, scheme) {
			target = target[len(scheme):]
			if slash := strings.IndexAny(target, "/?"); slash < 0 || target[slash] == '?' {
				target = "/"
			} else {
				target = target[slash:]
			}
			break
		}
	}
	if query := strings.IndexByte(target, '?'); query >= 0 {
		target = target[:query]
	}
	return target
}

func serve(_ http.ResponseWriter, request *http.Request) {
	c := request.Context().Value(key{}).(*connection)
	body, err := io.ReadAll(request.Body)
	if err != nil {
		if c.end == "" {
			c.end = "!"
		}
		if err == io.ErrUnexpectedEOF {
			c.end = "."
		}
		return
	}
	c.items = append(c.items, fmt.Sprintf("%08x%08x", hash([]byte(path(request.RequestURI))), hash(body)))
	// A client of HTTP/1.0 is told in no words that the connection ends.
	c.isOld = !request.ProtoAtLeast(1, 1)
	if request.Close {
		c.end = "c"
	}
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	input := bufio.NewReaderSize(file, 1<<20)
	output := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer output.Flush()
	l := &listener{make(chan *connection)}
	server := &http.Server{
		Handler:  http.HandlerFunc(serve),
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(parent context.Context, c net.Conn) context.Context {
			return context.WithValue(parent, key{}, c)
		},
	}
	go server.Serve(l)
	var size [4]byte
	for {
		if _, err := io.ReadFull(input, size[:]); err != nil {
			return
		}
		bytes := make([]byte, binary.LittleEndian.Uint32(size[:]))
		if _, err := io.ReadFull(input, bytes); err != nil {
			log.Fatal(err)
		}
		c := &connection{rest: bytes, done: make(chan struct{})}
		l.next <- c
		<-c.done
		if c.end == "" {
			c.end = "."
			// It says so, and calls no handler. An expectation that is not met is no fault of the bytes.
			text := string(c.written)
			if len(text) > 12 && text[9] == '2' && c.isOld || len(text) > 12 && text[9:12] == "417" {
				c.end = "c"
			} else if len(text) > 12 && text[9] == '2' && strings.Contains(text, "\r\nConnection: close\r\n") {
				// It finds the word in a field that is none.
				c.end = "c"
			} else if len(text) > 12 && text[9] >= '4' {
				c.end = "!"
			}
		}
		fmt.Fprintln(output, strings.Join(append(c.items, c.end), " "))
	}
}
